import { existsSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errnoOf, LadingError } from '../../errors/index.ts';
import { signalProcess } from './process-info.ts';

const FREEZE_TRIES = 200;
const FREEZE_STEP_MS = 10;
const REMOVE_TRIES = 50;
const REMOVE_STEP_MS = 4;

/** A container's cgroup: one folder in every hierarchy that is mounted (one in all under cgroup version 2). */
export class Cgroup {
  readonly #paths: readonly string[];

  constructor(paths: readonly string[]) {
    this.#paths = paths.filter((path) => existsSync(path));
  }

  /** Pids inside, those of nested groups included, ascending. */
  pids(): number[] {
    const path = this.#paths.find((candidate) => /\/(pids|freezer|devices)\//.test(candidate)) ?? this.#paths[0];
    return path === undefined ? [] : [...new Set(procsBelow(path))].sort((a, b) => a - b);
  }

  /** Processes the kernel killed because the limit of this group, or of one above it, was reached. */
  outOfMemoryKills(): number {
    const counts = this.#paths.flatMap((path) =>
      ['memory.events', 'memory.oom_control'].map((name) => join(path, name)),
    );
    const counted = counts.filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8'));
    return Math.max(0, ...counted.map((text) => Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0)));
  }

  /** Sends to everything inside. */
  signalAll(signal: number): void {
    for (const pid of this.pids()) signalProcess(pid, signal);
  }

  /** Stops everything inside and waits until it stands. @throws internal */
  async freeze(): Promise<void> {
    if (await this.#setFrozen(true)) return;
    await this.thaw();
    throw new LadingError(
      'internal',
      `pause: the processes did not stop within ${(FREEZE_TRIES * FREEZE_STEP_MS) / 1000} s`,
    );
  }

  /** Nothing happens where nothing could have been frozen. */
  async thaw(): Promise<void> {
    if (this.#freezer(false).file !== undefined) await this.#setFrozen(false);
  }

  /** False when a process is still inside after a moment; then nothing says how long it would take. */
  async remove(): Promise<boolean> {
    for (let attempt = 0; attempt < REMOVE_TRIES; attempt++) {
      if (this.#paths.map(removeTree).every(Boolean)) return true;
      await delay(REMOVE_STEP_MS);
    }
    return false;
  }

  async #setFrozen(frozen: boolean): Promise<boolean> {
    const { file, value, isDone } = this.#freezer(frozen);
    if (file === undefined) throw new LadingError('not_implemented', 'pause: this machine has no freezer cgroup');
    for (let attempt = 0; attempt < FREEZE_TRIES; attempt++) {
      writeFileSync(file, value);
      if (isDone()) return true;
      await delay(FREEZE_STEP_MS);
    }
    return false;
  }

  #freezer(frozen: boolean): { file: string | undefined; value: string; isDone: () => boolean } {
    const v1 = this.#paths.map((path) => join(path, 'freezer.state')).find((path) => existsSync(path));
    if (v1 !== undefined) {
      const value = frozen ? 'FROZEN' : 'THAWED';
      return { file: v1, value, isDone: () => readFileSync(v1, 'utf8').trim() === value };
    }
    const dir = this.#paths.find((path) => existsSync(join(path, 'cgroup.freeze')));
    return {
      file: dir === undefined ? undefined : join(dir, 'cgroup.freeze'),
      value: frozen ? '1' : '0',
      isDone: () => readFileSync(join(dir ?? '', 'cgroup.events'), 'utf8').includes(`frozen ${frozen ? 1 : 0}`),
    };
  }
}

function procsBelow(dir: string): number[] {
  try {
    const own = readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    return [...own, ...foldersIn(dir).flatMap((name) => procsBelow(join(dir, name)))];
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENODEV') return [];
    throw error;
  }
}

function foldersIn(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** Removes a cgroup and those nested in it. */
function removeTree(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true;
    if (errnoOf(error) !== 'EBUSY') throw error;
  }
  try {
    const emptied = foldersIn(dir).map((name) => removeTree(join(dir, name)));
    if (emptied.length === 0 || !emptied.every(Boolean)) return false;
    rmdirSync(dir);
    return true;
  } catch {
    return false;
  }
}
