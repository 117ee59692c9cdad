import { LadingError } from '../../errors/index.ts';
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
