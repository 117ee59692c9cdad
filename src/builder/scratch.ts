import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RootfsMounter } from '../runtime/index.ts';
import type { Mount, Snapshotter } from '../snapshot/index.ts';
import { MS, mount } from '../sys/index.ts';

const KEY_PREFIX = 'build-';
/** Folders of builders that do a build again. */
export const REBUILDS = 'rebuilds';
const PAGE_BYTES = 4096;

/** A key for a snapshot that lives no longer than a build. */
export function temporaryKey(): string {
  return `${KEY_PREFIX}${randomBytes(12).toString('hex')}`;
}

/** The builder's folder: mount points and unpacked contexts of running builds, cache mounts and remembered digests that stay. */
export class Scratch {
  readonly #root: string;
  readonly #mounter: RootfsMounter;
  readonly #snapshotter: Snapshotter;
  /** The folder is new, and snapshots in use may be others'. */
  readonly #isolated: boolean;
  #ready: Promise<void> | undefined;

  constructor(root: string, mounter: RootfsMounter, snapshotter: Snapshotter, isolated = false) {
    this.#root = root;
    this.#mounter = mounter;
    this.#snapshotter = snapshotter;
    this.#isolated = isolated;
  }

  get digestsFolder(): string {
    return join(this.#root, 'context-digests');
  }

  /** Repositories and checkouts. */
  get gitFolder(): string {
    return join(this.#root, 'git');
  }

  get cacheMountsFolder(): string {
    return join(this.#root, 'cache-mounts');
  }

  /** Once in a process, before its first build: undoes what a crash left. */
  ready(): Promise<void> {
    this.#ready ??= this.#isolated ? Promise.resolve() : this.#recover();
    return this.#ready;
  }

  /** A new empty folder; `release` removes it with all that is in it. */
  async folder(kind: 'contexts' | 'files'): Promise<{ path: string; release: () => Promise<void> }> {
    const path = join(this.#root, kind, randomBytes(8).toString('hex'));
    await mkdir(path, { recursive: true, mode: 0o700 });
    return { path, release: () => rm(path, { recursive: true, force: true }) };
  }

  /** Mounts a snapshot. Never removes what is below the mount point: `release` unmounts and drops the empty folder. */
  mounted(snapshot: Mount): Promise<{ path: string; release: () => Promise<void> }> {
    return this.#mountPoint((path) => this.#mounter.mount(snapshot, path));
  }

  /** A folder of root's in memory, for what must reach no disk. */
  memory(sizeBytes: number): Promise<{ path: string; release: () => Promise<void> }> {
    const pages = Math.ceil(sizeBytes / PAGE_BYTES) + 1;
    return this.#mountPoint((path) =>
      mount('tmpfs', path, 'tmpfs', MS.NOSUID | MS.NODEV | MS.NOEXEC, `mode=0700,size=${pages * PAGE_BYTES}`),
    );
  }

  /** Another path of an open folder: what is mounted there is that folder, whatever happens to its name. */
  bound(fd: number): Promise<{ path: string; release: () => Promise<void> }> {
    return this.#mountPoint((path) => mount(`/proc/self/fd/${fd}`, path, null, MS.BIND));
  }

  async #mountPoint(make: (path: string) => void): Promise<{ path: string; release: () => Promise<void> }> {
    const path = join(this.#root, 'mounts', randomBytes(8).toString('hex'));
    await mkdir(path, { recursive: true, mode: 0o700 });
    const release = async (): Promise<void> => {
      this.#mounter.unmount(path);
      await rmdir(path).catch(() => undefined);
    };
    try {
      make(path);
    } catch (error) {
      await release();
      throw error;
    }
    return { path, release };
  }

  async #recover(): Promise<void> {
    await this.#unmountIn(join(this.#root, 'mounts'));
    const rebuilds = join(this.#root, REBUILDS);
    for (const name of await readdir(rebuilds).catch(() => [])) await this.#unmountIn(join(rebuilds, name, 'mounts'));
    for (const kind of ['contexts', 'files', REBUILDS]) await this.#removeLater(join(this.#root, kind));
    // Earlier versions let others into the folders of cache mounts.
    await chmod(this.cacheMountsFolder, 0o700).catch(() => undefined);
    // Cache mounts that were being removed or imported.
    for (const name of await readdir(this.cacheMountsFolder).catch(() => []))
      if (name.startsWith('.')) await this.#removeLater(join(this.cacheMountsFolder, name));
    for await (const { name, kind } of this.#snapshotter.walk())
      if (kind !== 'committed' && name.startsWith(KEY_PREFIX)) await this.#snapshotter.remove(name);
  }

  async #unmountIn(folder: string): Promise<void> {
    for (const name of await readdir(folder).catch(() => [])) {
      this.#mounter.unmount(join(folder, name));
      await rmdir(join(folder, name)).catch(() => undefined);
    }
  }

  async #removeLater(path: string): Promise<void> {
    const trash = `${path}.${randomBytes(4).toString('hex')}.trash`;
    const moved = await rename(path, trash).then(
      () => true,
      () => false,
    );
    if (moved) void rm(trash, { recursive: true, force: true }).catch(() => undefined);
  }
}
