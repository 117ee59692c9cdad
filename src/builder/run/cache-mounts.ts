import { randomBytes } from 'node:crypto';
import { renameSync, statSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { KeyedLock } from '../../base/index.ts';
import type { RunMount } from '../../dockerfile/index.ts';
import { LadingError, errnoOf } from '../../errors/index.ts';
import type { MetadataStore } from '../../metadata/index.ts';
import { diskUsage } from '../../snapshot/index.ts';
import { CacheMountRecords, folderNameOf, namesOf, type CacheMountRecord } from './cache-mount-records.ts';

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

/** A cache mount as it is listed. */
export interface CacheMountView {
  /** Name of its folder, 32 hexadecimal digits; with "-1", "-2"… where steps with `sharing=private` ran at once. */
  readonly folder: string;
  /** As the Dockerfile has it; "" when it is not known. */
  readonly name: string;
  readonly namespace: string;
  readonly sizeBytes: number;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly uses: number;
  readonly inUse: boolean;
}

const FOLDER = /^[0-9a-f]{32}(?:-\d{1,4})?$/;

/** Folders of `RUN --mount=type=cache`: they belong to no image and outlive builds. */
export class CacheMounts {
  readonly #root: string;
  readonly #locks = new KeyedLock();
  readonly #making = new KeyedLock();
  readonly #users = new Map<string, number>();
  readonly #records: CacheMountRecords;

  constructor(root: string, metadata: MetadataStore) {
    this.#root = root;
    this.#records = new CacheMountRecords(metadata);
  }

  get root(): string {
    return this.#root;
  }

  /** Runs `work` while no other step has those of these mounts that are `locked`. `signal` ends the waiting. */
  lock<T>(
    mounts: readonly CacheMount[],
    work: () => Promise<T>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<T> {
    const locked = [...new Set(mounts.filter(({ mount }) => mount.sharing === 'locked').map(({ id }) => id))].sort();
    return this.#locked(locked, work, options);
  }

  /**
   * Runs `work` with the folders of these mounts, in order; the locked ones are the caller's by {@link lock}. `private` ones get a folder of their
   * own while another step has the first.
   */
  async use<T>(mounts: readonly CacheMount[], work: (folders: string[]) => Promise<T>): Promise<T> {
    const folders: string[] = [];
    try {
      for (const { id, mount, seed } of mounts) {
        const path = this.#choose(id, mount.sharing === 'private');
        this.#take(path);
        folders.push(path);
        this.#records.used(basename(path), id);
        await this.#making.run(path, () => makeFolder(path, mount, seed));
      }
      return await work(folders);
    } finally {
      for (const path of folders) this.#letGo(path);
    }
  }

  /** All there are, with their sizes: measured again only after a use. */
  async list(): Promise<CacheMountView[]> {
    const names = (await readdir(this.#root).catch(() => [])).filter((name) => FOLDER.test(name));
    const views: CacheMountView[] = [];
    for (const folder of names.sort()) {
      const view = await this.#view(folder);
      if (view) views.push(view);
    }
    return views;
  }

  /** What is known of a folder; undefined for one of an earlier version. */
  record(folder: string): CacheMountRecord | undefined {
    return this.#records.get(folder);
  }

  /** Deletes a folder unless a step uses it. Whether it is gone. */
  async remove(folder: string): Promise<boolean> {
    if (!FOLDER.test(folder)) return false;
    const trash = this.#moveAside(folder);
    if (trash === undefined) return false;
    this.#records.remove(folder);
    await rm(trash, { recursive: true, force: true });
    return true;
  }

  /** Puts a finished folder in the place of the one that is there, if any. Whether it was done: not while a step uses it. */
  async replace(folder: string, from: string, record: CacheMountRecord): Promise<boolean> {
    const trash = this.#moveAside(folder);
    if (trash === undefined) return false;
    renameSync(from, join(this.#root, folder));
    this.#records.put(folder, record);
    await rm(trash, { recursive: true, force: true });
    return true;
  }

  /** Keeps folders from being removed until it is disposed. */
  hold(folders: readonly string[]): Disposable {
    const paths = folders.map((folder) => join(this.#root, folder));
    for (const path of paths) this.#take(path);
    return { [Symbol.dispose]: () => paths.forEach((path) => this.#letGo(path)) };
  }

  /**
   * The folders that `texts` mean: beginnings of folder names (4 digits or more), or whole ids as Dockerfiles have them.
   * @throws not_found
   */
  async resolve(texts: readonly string[]): Promise<CacheMountView[]> {
    const all = await this.list();
    const found = new Set<CacheMountView>();
    for (const text of texts) {
      const isPrefix = /^[0-9a-f]{4,32}(?:-\d{1,4})?$/.test(text);
      const matching = all.filter(({ folder, name }) => name === text || (isPrefix && folder.startsWith(text)));
      if (matching.length === 0)
        throw new LadingError('not_found', `No such cache mount: ${text.slice(0, 200)}`, {
          hint: '`lading cache mount ls` lists them',
        });
      for (const view of matching) found.add(view);
    }
    return [...found];
  }

  /** Takes a folder away from those who look for it; the new path, or undefined while a step uses it. Asked and moved in one step: who wants it next makes a new one. */
  #moveAside(folder: string): string | undefined {
    const path = join(this.#root, folder);
    if (this.#users.has(path)) return undefined;
    const trash = join(this.#root, `.trash-${randomBytes(8).toString('hex')}`);
    try {
      renameSync(path, trash);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
    return trash;
  }

  async #view(folder: string): Promise<CacheMountView | undefined> {
    const path = join(this.#root, folder);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat?.isDirectory()) return undefined;
    const known = this.#records.get(folder);
    const inUse = this.#users.has(path);
    const measured = inUse ? undefined : known?.sizeBytes;
    const sizeBytes = measured ?? (await diskUsage(path).catch(() => ({ sizeBytes: 0 }))).sizeBytes;
    if (measured === undefined && known && !inUse) this.#records.measured(folder, sizeBytes);
    const time = stat.mtime.toISOString();
    const { createdAt = time, lastUsedAt = time, uses = 0 } = known ?? {};
    return { folder, ...namesOf(known?.id ?? ''), sizeBytes, createdAt, lastUsedAt, uses, inUse };
  }

  /** Always in the same order, so that no two steps wait for each other. */
  #locked<T>(ids: readonly string[], work: () => Promise<T>, options: { readonly signal?: AbortSignal }): Promise<T> {
    const [first, ...rest] = ids;
    return first === undefined ? work() : this.#locks.run(first, () => this.#locked(rest, work, options), options);
  }

  #choose(id: string, isPrivate: boolean): string {
    const base = join(this.#root, folderNameOf(id));
    if (!isPrivate) return base;
    for (let n = 0; n < MAX_PRIVATE; n++) {
      const path = n === 0 ? base : `${base}-${n}`;
      if (!this.#users.has(path)) return path;
    }
    return `${base}-${MAX_PRIVATE}`;
  }

  #take(path: string): void {
    this.#users.set(path, (this.#users.get(path) ?? 0) + 1);
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
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
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
