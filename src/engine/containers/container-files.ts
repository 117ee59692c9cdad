import { closeSync, fstatSync, openSync, readlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { posix } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { changesOfUpper, extractTar, tarTree } from '../../archive/index.ts';
import { LadingError, errnoOf } from '../../errors/index.ts';
import type { RootfsMounter } from '../../runtime/index.ts';
import type { Snapshotter } from '../../snapshot/index.ts';
import { O, RESOLVE, closeFd, openat2 } from '../../sys/index.ts';
import type { PathStat } from '../types.ts';
import { initLayerOf } from './init-layer.ts';
import { snapshotKeyOf, type ContainerRecord } from './container-record.ts';

export interface FilesDependencies {
  readonly snapshotter: Snapshotter;
  readonly mounter: RootfsMounter;
  readonly rootfsOf: (id: string) => string;
}

const GO_MODE = {
  dir: 0x80000000,
  symlink: 0x08000000,
  device: 0x04000000,
  pipe: 0x02000000,
  socket: 0x01000000,
  setuid: 0x00800000,
  setgid: 0x00400000,
  char: 0x00200000,
  sticky: 0x00100000,
};

/** Reaching into a container's file system: cp, export, diff. Paths are resolved inside it, whatever links it holds. */
export class ContainerFiles {
  readonly #d: FilesDependencies;
  readonly #mounted = new Map<string, number>();

  constructor(dependencies: FilesDependencies) {
    this.#d = dependencies;
  }

  async diff(record: ContainerRecord): Promise<{ Path: string; Kind: 0 | 1 | 2 }[]> {
    const { snapshotter } = this.#d;
    const changes = await changesOfUpper(
      await snapshotter.upperDirOf(snapshotKeyOf(record.id)),
      await snapshotter.lowerDirsOf(initLayerOf(record.parent)),
    );
    const kinds = { C: 0, A: 1, D: 2 } as const;
    return changes.map((change) => ({ Path: change.path, Kind: kinds[change.kind] }));
  }

  /** Everything below the root as a tar; mounts of volumes are left out, as in Docker. */
  async export(record: ContainerRecord): Promise<Readable> {
    const release = await this.#hold(record);
    return releasing(tarTree(this.#d.rootfsOf(record.id)), release);
  }

  async stat(record: ContainerRecord, path: string): Promise<PathStat> {
    return this.#withRoot(record, async (root) => statInside(root, path));
  }

  async archive(record: ContainerRecord, path: string): Promise<{ stat: PathStat; tar: Readable }> {
    const stat = await this.stat(record, path);
    const release = await this.#hold(record);
    return { stat, tar: releasing(tarTree(this.#rootOf(record), path), release) };
  }

  async unarchive(
    record: ContainerRecord,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
  ): Promise<void> {
    if (record.hostConfig.ReadonlyRootfs)
      throw new LadingError('permission_denied', 'container rootfs is marked read-only');
    const release = await this.#hold(record);
    try {
      await extractTar(tar, { dir: this.#rootOf(record), into: path, refuseTypeChange: options.noOverwriteDirNonDir });
    } finally {
      await release();
    }
  }

  /** A running container is seen as it sees itself, with its volumes; a stopped one by its root file system alone. */
  #rootOf(record: ContainerRecord): string {
    return record.status === 'running' || record.status === 'paused'
      ? `/proc/${record.pid}/root`
      : this.#d.rootfsOf(record.id);
  }

  async #withRoot<T>(record: ContainerRecord, work: (root: number) => Promise<T>): Promise<T> {
    const release = await this.#hold(record);
    const root = openSync(this.#rootOf(record), 'r');
    try {
      return await work(root);
    } finally {
      closeSync(root);
      await release();
    }
  }

  /** Mounts a stopped container's root file system while somebody reads or writes it. */
  async #hold(record: ContainerRecord): Promise<() => Promise<void>> {
    if (record.status === 'running' || record.status === 'paused') return async () => undefined;
    const { id } = record;
    const target = this.#d.rootfsOf(id);
    const holders = this.#mounted.get(id) ?? 0;
    this.#mounted.set(id, holders + 1);
    if (holders === 0) {
      await mkdir(target, { recursive: true });
      this.#d.mounter.unmount(target);
      this.#d.mounter.mount(await this.#d.snapshotter.mountOf(snapshotKeyOf(id)), target);
    }
    let released = false;
    return async () => {
      if (released) return;
      released = true;
      const left = (this.#mounted.get(id) ?? 1) - 1;
      if (left > 0) this.#mounted.set(id, left);
      else {
        this.#mounted.delete(id);
        if (record.status !== 'running' && record.status !== 'paused') this.#d.mounter.unmount(target);
      }
    };
  }
}

function notFound(path: string, cause: unknown): LadingError {
  if (errnoOf(cause) === 'ENOTDIR') return new LadingError('invalid_argument', `${path}: not a directory`, { cause });
  return new LadingError('not_found', `Could not find the file ${path} in container`, { cause });
}

/** Docker's stat of a path: of the link itself, with where it leads. */
function statInside(root: number, path: string): PathStat {
  const clean = posix.resolve('/', path);
  let fd: number;
  try {
    const parent = openat2(root, posix.dirname(clean), O.PATH | O.DIRECTORY | O.CLOEXEC, 0, RESOLVE.IN_ROOT);
    try {
      const last = clean === '/' || path.endsWith('/.') ? '.' : posix.basename(clean);
      fd =
        last === '.'
          ? openat2(root, clean, O.PATH | O.CLOEXEC, 0, RESOLVE.IN_ROOT)
          : openat2(parent, last, O.PATH | O.NOFOLLOW | O.CLOEXEC, 0, RESOLVE.IN_ROOT);
    } finally {
      closeFd(parent);
    }
  } catch (error) {
    throw notFound(path, error);
  }
  try {
    const stats = fstatSync(fd);
    const linkTarget = stats.isSymbolicLink() ? resolveLink(root, clean) : '';
    return {
      name: posix.basename(clean) || '/',
      size: stats.size,
      mode: goMode(stats.mode),
      mtime: stats.mtime.toISOString(),
      linkTarget,
    };
  } finally {
    closeFd(fd);
  }
}

function resolveLink(root: number, path: string): string {
  try {
    const fd = openat2(root, path, O.PATH | O.CLOEXEC, 0, RESOLVE.IN_ROOT);
    try {
      const rootPath = readlinkSync(`/proc/self/fd/${root}`);
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(rootPath) ? target.slice(rootPath.length) || '/' : target;
    } finally {
      closeFd(fd);
    }
  } catch {
    return '';
  }
}

/** POSIX mode to Go's os.FileMode bits. */
function goMode(mode: number): number {
  const types: Readonly<Record<number, number>> = {
    0o040000: GO_MODE.dir,
    0o120000: GO_MODE.symlink,
    0o060000: GO_MODE.device,
    0o020000: GO_MODE.device | GO_MODE.char,
    0o010000: GO_MODE.pipe,
    0o140000: GO_MODE.socket,
  };
  let result = (mode & 0o777) + (types[mode & 0o170000] ?? 0);
  if (mode & 0o4000) result += GO_MODE.setuid;
  if (mode & 0o2000) result += GO_MODE.setgid;
  if (mode & 0o1000) result += GO_MODE.sticky;
  return result >>> 0;
}

/** Runs `release` when the stream is over, however it ends. */
function releasing(source: Readable, release: () => Promise<void>): Readable {
  const out = new PassThrough();
  source.once('error', (error) => out.destroy(error));
  out.once('close', () => {
    source.destroy();
    void release();
  });
  return source.pipe(out);
}
