import { closeSync, readFileSync } from 'node:fs';
import { pidfdOpen, watchFd } from '../../sys/index.ts';
import { errnoOf } from '../../errors/index.ts';

export interface ProcessStat {
  readonly state: string;
  /** Clock ticks since boot: with the pid it names a process for good. */
  readonly startTime: number;
}

/** undefined when there is no such process. */
export function processStat(pid: number): ProcessStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', startTime: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

/** Whether exactly that process still runs (a zombie does not). */
export function isAlive(pid: number, startTime: number): boolean {
  const stat = processStat(pid);
  return stat !== undefined && stat.startTime === startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/** False when it ended meanwhile. */
export function signalProcess(pid: number, signal: number): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
    throw error;
  }
}

/** Arguments of a process, empty when it is gone or a zombie. */
export function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

/**
 * Resolves when the process has ended; no polling. `isSame` is asked once the descriptor is held, so that a recycled
 * pid is not waited for.
 */
export async function processEnd(
  pid: number,
  isSame: () => boolean,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const { signal } = options;
  signal?.throwIfAborted();
  let fd: number;
  try {
    fd = pidfdOpen(pid);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return;
    throw error;
  }
  if (!isSame()) return closeSync(fd);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const watch = watchFd(fd, resolve);
  const onAbort = (): void => reject(signal?.reason as Error);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await promise;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    watch.close();
    closeSync(fd);
  }
}
