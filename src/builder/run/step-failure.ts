import { LadingError, toLadingError } from '../../errors/index.ts';
import { StartError } from '../../runtime/index.ts';
import { goQuote } from '../config/go-format.ts';
import type { StepLimits } from '../types.ts';

/** How a step's process ended badly. */
export interface FailedProcess {
  readonly args: readonly string[];
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  readonly limits: StepLimits | undefined;
}

/** In BuildKit's words; a limit that was reached is named with its flag. */
export function processFailure({ args, exitCode, outOfMemory, limits }: FailedProcess): LadingError {
  const failed = `process ${goQuote(args.join(' '))} did not complete successfully: exit code: ${exitCode}`;
  if (!outOfMemory) return new LadingError('invalid_argument', failed);
  const limit = limits?.memoryBytes;
  return new LadingError('resource_exhausted', `${failed}: out of memory`, {
    hint:
      limit === undefined
        ? 'the machine has no more memory'
        : `the step may take ${inMebibytes(limit)} of memory: raise --memory (--resource memory=…)`,
  });
}

/** Any other way a step does not run: as BuildKit begins it, without the runtime's own names for things. */
export function runFailure(args: readonly string[], error: unknown): LadingError {
  const { code, hint, cause, message } = toLadingError(error, 'run');
  if (code === 'cancelled') return toLadingError(error, 'run');
  const isStart = cause instanceof StartError;
  const shell = args[0] ?? '';
  const noShell = isStart && cause.failure === 'not_found' && /^\/bin\/\w*sh$/.test(shell);
  const own = noShell ? `the image has no "${shell}": RUN ["program", "argument"] needs no shell` : hint;
  return new LadingError(
    isStart ? 'invalid_argument' : code,
    `process ${goQuote(args.join(' '))} did not complete successfully: ${isStart ? startReason(cause.message) : message}`,
    { cause: error, ...(own === undefined ? {} : { hint: own }) },
  );
}

/** What the runtime complains of: the program, or a mount, without paths of this machine. */
function startReason(said: string): string {
  const reason = said.replace(/^.*?unable to start container process: (?:error during container init: )?/s, '');
  const [, target, why = ''] = /^error mounting ".*?" to rootfs at "([^"]+)": (.*)$/s.exec(reason) ?? [];
  if (target === undefined) return reason;
  return `cannot mount on "${target}": ${(why.split(': ').at(-1) ?? '').replace(/"[^"]*" /g, '')}`;
}

/** The step ran longer than it may. */
export function timeFailure(args: readonly string[], timeoutMs: number): LadingError {
  return new LadingError(
    'deadline_exceeded',
    `process ${goQuote(args.join(' '))} did not complete within ${timeoutMs / 1000} s and was killed`,
    { hint: 'the time of a step is limited by --resource timeout=…' },
  );
}

function inMebibytes(bytes: number): string {
  return `${Number((bytes / (1 << 20)).toFixed(1))} MiB`;
}
