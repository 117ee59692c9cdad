import { spawn } from 'node:child_process';
import { LadingError } from '../errors/index.ts';

export interface CommandOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** SIGKILL after this long; default none. */
  readonly timeoutMs?: number;
  /** Output kept per stream, the rest is dropped; default 1 MiB. */
  readonly maxOutputBytes?: number;
}

export interface CommandResult {
  /** Exit status, or 128+n for a signal. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const SIGNAL_KILL = 137;

/**
 * Runs an external program to its end and returns its status and (bounded) output; a non-zero status is not an error here.
 * @throws {LadingError} `unavailable` when the program is missing, `deadline_exceeded` when it was killed for taking too long
 */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { input, env, cwd, signal, timeoutMs, maxOutputBytes = 1 << 20 } = options;
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(env ? { env: env as NodeJS.ProcessEnv } : {}),
    ...(cwd === undefined ? {} : { cwd }),
    ...(signal ? { signal } : {}),
  });
  let timedOut = false;
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => ((timedOut = true), child.kill('SIGKILL')), timeoutMs);
  const stdout = collect(child.stdout, maxOutputBytes);
  const stderr = collect(child.stderr, maxOutputBytes);
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, killedBy) => resolve(code ?? (killedBy === 'SIGKILL' ? SIGNAL_KILL : 143)));
    });
    if (timedOut) throw new LadingError('deadline_exceeded', `run ${program}: no end after ${timeoutMs} ms, killed`);
    return { status, stdout: stdout(), stderr: stderr() };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new LadingError('unavailable', `run ${program}: program not found`, {
        cause: error,
        hint: `install ${program}`,
      });
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function collect(stream: NodeJS.ReadableStream, limit: number): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < limit) chunks.push(chunk.subarray(0, limit - size));
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
