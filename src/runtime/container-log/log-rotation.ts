import { linkSync, renameSync, rmSync, statSync } from 'node:fs';
import { errnoOf } from '../../errors/index.ts';
import { previousLog } from './log-files.ts';

const SWEEP_MS = 5000;

/**
 * Keeps one former generation of each log. conmon itself starts an empty file when one is full (--log-size-max), so that
 * the disk is safe without us; the full one would be gone. Therefore, once a log is half full, `<log>.1` becomes
 * a second name of it: after conmon's rename that name still holds the old lines. One timer serves all containers.
 */
export class LogRotation {
  readonly #limits = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  /** Before a container is created: a log that earlier runs filled becomes the former generation. */
  prepare(path: string, maxBytes: number): void {
    if ((sizeOf(path) ?? 0) >= maxBytes) renameSync(path, previousLog(path));
  }

  watch(path: string, maxBytes: number): void {
    this.#limits.set(path, maxBytes);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  unwatch(path: string): void {
    this.#limits.delete(path);
    if (this.#limits.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #sweep(): void {
    for (const [path, maxBytes] of this.#limits) keepFormer(path, maxBytes);
  }
}

/** Gives a half full log its second name. */
export function keepFormer(path: string, maxBytes: number): void {
  const former = previousLog(path);
  try {
    const current = statSync(path, { throwIfNoEntry: false });
    if (!current || current.size < maxBytes / 2) return;
    if (statSync(former, { throwIfNoEntry: false })?.ino === current.ino) return;
    const temporary = `${former}.tmp`;
    rmSync(temporary, { force: true });
    linkSync(path, temporary);
    renameSync(temporary, former);
  } catch (error) {
    // Removed or rotated meanwhile: the next sweep sees what is then.
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}
