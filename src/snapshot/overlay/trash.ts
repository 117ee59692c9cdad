import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../base/index.ts';
import { errnoOf, messageOf } from '../../errors/index.ts';
import { OPEN_FOLDER, entryPath, folderPath } from './folder-fd.ts';

/** One descriptor a level is held; deeper folders are moved up and emptied by themselves. */
const MAX_DEPTH = 128;

/**
 * Folders on their way out: moved here at once, emptied later, one entry after another so that the deletion of a
 * large layer takes one thread of the pool and no more. What a crash leaves here is emptied after the next start.
 */
export class Trash {
  readonly #folder: string;
  readonly #log: Log;
  readonly #queue: string[] = [];
  #emptying: Promise<void> | undefined;

  constructor(folder: string, log: Log) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Makes the trash folder. */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Moves a folder here. Whether there was one. */
  async discard(path: string | Buffer): Promise<boolean> {
    const target = this.#freshPath();
    try {
      await rename(path, target);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    }
    this.#enqueue(target);
    return true;
  }

  /** Begins to delete what an earlier process left. */
  async resume(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      if (!this.#queue.includes(path)) this.#enqueue(path);
    }
  }

  /** Until everything discarded so far is deleted. */
  async settled(): Promise<void> {
    await this.#emptying;
  }

  #freshPath(): string {
    return join(this.#folder, randomBytes(9).toString('hex'));
  }

  #enqueue(path: string): void {
    this.#queue.push(path);
    this.#emptying ??= this.#empty();
  }

  async #empty(): Promise<void> {
    for (let path = this.#queue[0]; path !== undefined; path = this.#queue[0]) {
      try {
        await this.#deleteFolder(Buffer.from(path), 0);
      } catch (error) {
        // It stays for the next start; nobody waits for it.
        this.#log.warn('could not delete a discarded snapshot', { path, error: messageOf(error) });
      }
      this.#queue.shift();
    }
    this.#emptying = undefined;
  }

  async #deleteFolder(path: Buffer, depth: number): Promise<void> {
    const folder = await open(path, OPEN_FOLDER);
    try {
      for (const entry of await readdir(folderPath(folder.fd), { encoding: 'buffer', withFileTypes: true })) {
        const child = entryPath(folder.fd, entry.name);
        if (!entry.isDirectory()) await unlink(child);
        else if (depth < MAX_DEPTH) await this.#deleteFolder(child, depth + 1);
        else await this.discard(child);
      }
    } finally {
      await folder.close();
    }
    await rmdir(path);
  }
}
