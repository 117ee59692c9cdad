import { closeSync, lstatSync, openSync, readdirSync, type Stats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { errnoOf } from '../../errors/index.ts';
import type { Usage } from '../snapshotter.ts';
import { OPEN_FOLDER, entryPath, folderPath } from './folder-fd.ts';

const SLICE_MS = 4;
/** One descriptor a level is held; what lies deeper is not counted. */
const MAX_DEPTH = 512;
const BLOCK_BYTES = 512;

/** Allocated bytes and inodes below and including a folder, hard links once. Yields to the event loop every few milliseconds. */
export async function diskUsage(path: string): Promise<Usage> {
  const walk = new UsageWalk();
  lstatSync(path);
  await walk.add(Buffer.from(path), 0);
  return { sizeBytes: walk.sizeBytes, inodes: walk.inodes };
}

/** undefined for what a running container removed or replaced meanwhile. */
function present<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

class UsageWalk {
  sizeBytes = 0;
  inodes = 0;
  readonly #linked = new Set<number>();
  #sliceEnd = performance.now() + SLICE_MS;

  async add(path: Buffer, depth: number): Promise<void> {
    if (performance.now() > this.#sliceEnd) await this.#yield();
    const stats = present(() => lstatSync(path));
    if (!stats) return;
    this.#count(stats);
    if (!stats.isDirectory() || depth === MAX_DEPTH) return;
    const fd = present(() => openSync(path, OPEN_FOLDER));
    if (fd === undefined) return;
    try {
      for (const name of readdirSync(folderPath(fd), { encoding: 'buffer' }))
        await this.add(entryPath(fd, name), depth + 1);
    } finally {
      closeSync(fd);
    }
  }

  #count(stats: Stats): void {
    if (stats.nlink > 1 && !stats.isDirectory()) {
      if (this.#linked.has(stats.ino)) return;
      this.#linked.add(stats.ino);
    }
    this.sizeBytes += stats.blocks * BLOCK_BYTES;
    this.inodes++;
  }

  async #yield(): Promise<void> {
    await setImmediate();
    this.#sliceEnd = performance.now() + SLICE_MS;
  }
}
