import { hash } from 'node:crypto';
import { chmod, chown, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyedLock } from '../../base/index.ts';
import type { RunMount } from '../../dockerfile/index.ts';

const DEFAULT_MODE = 0o755;
const MAX_PRIVATE = 1000;

/** A cache mount as a step uses it. */
export interface CacheMount {
  /** Tells it from all others: equal ids share a folder. */
  readonly id: string;
  readonly mount: RunMount;
  /** Fills the folder when it is new. */
  readonly seed?: (folder: string) => Promise<void>;
}

/** Folders of `RUN --mount=type=cache`: they belong to no image and outlive builds. */
export class CacheMounts {
  readonly #root: string;
  readonly #locks = new KeyedLock();
  readonly #making = new KeyedLock();
  readonly #users = new Map<string, number>();

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Runs `work` with the folders of these mounts, in order. `locked` ones are used by one step at a time,
   * `private` ones get a folder of their own while another step has the first. `signal` ends the waiting.
   */
  async use<T>(
    mounts: readonly CacheMount[],
    work: (folders: string[]) => Promise<T>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<T> {
    const locked = [...new Set(mounts.filter(({ mount }) => mount.sharing === 'locked').map(({ id }) => id))].sort();
    return this.#locked(locked, () => this.#taken(mounts, work), options);
  }

  /** Deletes the folders nobody uses; their names. */
  async prune(): Promise<string[]> {
    const removed: string[] = [];
    for (const name of await readdir(this.#root).catch(() => [])) {
      const path = join(this.#root, name);
      if (this.#users.has(path)) continue;
      await rm(path, { recursive: true, force: true });
      removed.push(name);
    }
    return removed;
  }

  /** Always in the same order, so that no two steps wait for each other. */
  #locked<T>(ids: readonly string[], work: () => Promise<T>, options: { readonly signal?: AbortSignal }): Promise<T> {
    const [first, ...rest] = ids;
    return first === undefined ? work() : this.#locks.run(first, () => this.#locked(rest, work, options), options);
  }

  async #taken<T>(mounts: readonly CacheMount[], work: (folders: string[]) => Promise<T>): Promise<T> {
    const folders: string[] = [];
    try {
      for (const { id, mount, seed } of mounts) {
        const path = this.#choose(id, mount.sharing === 'private');
        this.#users.set(path, (this.#users.get(path) ?? 0) + 1);
        folders.push(path);
        await this.#making.run(path, () => makeFolder(path, mount, seed));
      }
      return await work(folders);
    } finally {
      for (const path of folders) this.#letGo(path);
    }
  }

  #choose(id: string, isPrivate: boolean): string {
    const base = join(this.#root, hash('sha256', id).slice(0, 32));
    if (!isPrivate) return base;
    for (let n = 0; n < MAX_PRIVATE; n++) {
      const path = n === 0 ? base : `${base}-${n}`;
      if (!this.#users.has(path)) return path;
    }
    return `${base}-${MAX_PRIVATE}`;
  }

  #letGo(path: string): void {
    const left = (this.#users.get(path) ?? 1) - 1;
    if (left > 0) this.#users.set(path, left);
    else this.#users.delete(path);
  }
}

/** Owner, mode and first files are given once, when the folder is made. */
async function makeFolder(
  path: string,
  { mode = DEFAULT_MODE, uid = 0, gid = 0 }: RunMount,
  seed: CacheMount['seed'],
): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o711 });
  const made = await mkdir(path, { mode: 0o700 }).then(
    () => true,
    () => false,
  );
  if (!made) return;
  try {
    await chown(path, uid, gid);
    await chmod(path, mode);
    await seed?.(path);
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    throw error;
  }
}
