import { closeSync, openSync, realpathSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, posix } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { changesOfUpper, extractTar, tarTree } from '../../archive/index.ts';
import type { KeyedLock } from '../../base/index.ts';
import { LadingError, errnoOf } from '../../errors/index.ts';
import type { RootfsMounter } from '../../runtime/index.ts';
import type { Snapshotter } from '../../snapshot/index.ts';
import { O } from '../../sys/index.ts';
import type { MountPoint, PathStat } from '../types.ts';
import { initLayerOf } from './init-layer.ts';
import { hasProcess, snapshotKeyOf, type ContainerRecord } from './container-record.ts';
import { statPlace, type Place } from './path-stat.ts';

export interface FilesDependencies {
  readonly snapshotter: Snapshotter;
  readonly mounter: RootfsMounter;
  readonly rootfsOf: (id: string) => string;
  /** The lifecycle's: a root file system is mounted, and unmounted, by one at a time. */
  readonly locks: KeyedLock;
}

/** Reaching into a container's file system: cp, export, diff. Paths are resolved inside it, whatever links it holds. */
export class ContainerFiles {
  readonly #d: FilesDependencies;
  /** Holders of a stopped container's root file system. */
  readonly #holders = new Map<string, number>();

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
    const held = await this.#d.locks.run(record.id, () => this.#holdRootfs(record));
    return releasing(tarTree(pathOf(held.root)), held.release);
  }

  async stat(record: ContainerRecord, path: string): Promise<PathStat> {
    const place = await this.#hold(record, path);
    try {
      return statPlace(place, path);
    } finally {
      await place.release();
    }
  }

  async archive(record: ContainerRecord, path: string): Promise<{ stat: PathStat; tar: Readable }> {
    const place = await this.#hold(record, path);
    try {
      const stat = statPlace(place, path);
      const tar = tarTree(pathOf(place.root), place.path, { topName: place.name });
      return { stat, tar: releasing(tar, place.release) };
    } catch (error) {
      await place.release();
      throw error;
    }
  }

  async unarchive(
    record: ContainerRecord,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
  ): Promise<void> {
    const place = await this.#hold(record, path, { write: true });
    try {
      await extractTar(tar, {
        dir: pathOf(place.root),
        into: place.path,
        refuseTypeChange: options.noOverwriteDirNonDir,
      });
    } finally {
      await place.release();
    }
  }

  /** A running container is seen as it sees itself; of a stopped one, the root file system or the volume the path lies in. */
  async #hold(record: ContainerRecord, asked: string, options: { write?: boolean } = {}): Promise<Place> {
    const path = posix.resolve('/', asked);
    const name = posix.basename(path);
    return this.#d.locks.run(record.id, async () => {
      const live = openLive(record);
      const mount = mountHolding(record.mounts, path, { tmpfs: live !== undefined });
      try {
        if (options.write) requireWritable(record, mount);
      } catch (error) {
        if (live !== undefined) closeSync(live);
        throw error;
      }
      if (live !== undefined) return { root: live, path, name, mountedAt: '/', release: async () => closeSync(live) };
      if (mount) return { ...openMount(mount, path), name };
      return { ...(await this.#holdRootfs(record)), path, name, mountedAt: '/' };
    });
  }

  /** Mounts a stopped container's root file system while somebody reads or writes it. The caller has the lock. */
  async #holdRootfs(record: ContainerRecord): Promise<Pick<Place, 'root' | 'release'>> {
    const { id } = record;
    if (record.status === 'removing' || record.status === 'dead')
      throw new LadingError('conflict', `container ${record.name} is being removed`);
    const target = this.#d.rootfsOf(id);
    await mkdir(target, { recursive: true, mode: 0o711 });
    if (!isMountPoint(target)) this.#d.mounter.mount(await this.#d.snapshotter.mountOf(snapshotKeyOf(id)), target);
    const root = openFolder(target);
    this.#holders.set(id, (this.#holders.get(id) ?? 0) + 1);
    return { root, release: () => this.#releaseRootfs(record, root) };
  }

  /** A container that was started meanwhile keeps its mount. */
  async #releaseRootfs(record: ContainerRecord, root: number): Promise<void> {
    closeSync(root);
    await this.#d.locks.run(record.id, () => {
      const left = (this.#holders.get(record.id) ?? 1) - 1;
      if (left > 0) return void this.#holders.set(record.id, left);
      this.#holders.delete(record.id);
      if (!hasProcess(record)) this.#d.mounter.unmount(this.#d.rootfsOf(record.id));
    });
  }
}

/** The root as the container sees it; undefined when it has no process (any more). */
function openLive(record: ContainerRecord): number | undefined {
  if (!hasProcess(record)) return undefined;
  try {
    return openFolder(`/proc/${record.pid}/root`);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}

/** The innermost mount that holds a clean path. A stopped container has no tmpfs. */
function mountHolding(
  mounts: readonly MountPoint[],
  path: string,
  options: { tmpfs: boolean },
): MountPoint | undefined {
  return mounts
    .filter((mount) => (options.tmpfs || mount.type !== 'tmpfs') && restBelow(mount.destination, path) !== undefined)
    .toSorted((a, b) => posix.resolve('/', b.destination).length - posix.resolve('/', a.destination).length)[0];
}

/** "/a", "/a/b" → "/b"; equal → "/"; undefined when `path` is elsewhere. */
function restBelow(folder: string, path: string): string | undefined {
  const clean = posix.resolve('/', folder);
  if (path === clean) return '/';
  const prefix = clean === '/' ? '/' : `${clean}/`;
  return path.startsWith(prefix) ? `/${path.slice(prefix.length)}` : undefined;
}

function requireWritable(record: ContainerRecord, mount: MountPoint | undefined): void {
  if (mount && !mount.readWrite) throw new LadingError('permission_denied', 'mounted volume is marked read-only');
  if (!mount && record.hostConfig.ReadonlyRootfs)
    throw new LadingError('permission_denied', 'container rootfs is marked read-only');
}

/** What a mount shows, without mounting it. A bind may be of a single file: then the folder it lies in is opened. */
function openMount(mount: MountPoint, path: string): Omit<Place, 'name'> {
  const rest = restBelow(mount.destination, path) ?? '/';
  let source: string;
  try {
    source = realpathSync(mount.source);
  } catch (error) {
    throw new LadingError('not_found', `Could not find the file ${path} in container`, { cause: error });
  }
  const isFolder = statSync(source).isDirectory();
  const root = openFolder(isFolder ? source : dirname(source));
  return {
    root,
    path: isFolder ? rest : posix.join('/', basename(source), rest === '/' ? '' : rest),
    mountedAt: isFolder ? posix.resolve('/', mount.destination) : posix.dirname(mount.destination),
    release: async () => closeSync(root),
  };
}

function openFolder(path: string): number {
  return openSync(path, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
}

/** Of an overlay: it has its own device number. */
function isMountPoint(folder: string): boolean {
  return statSync(folder).dev !== statSync(dirname(folder)).dev;
}

/** An open folder by name, for those who open it themselves. It stays the same one, whatever is unmounted meanwhile. */
function pathOf(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/** Runs `release` when the stream is over, however it ends. */
function releasing(source: Readable, release: () => Promise<void>): Readable {
  const out = new PassThrough();
  source.once('error', (error) => out.destroy(error));
  out.once('close', () => {
    // A mount that cannot be undone now goes with the container's next end or removal.
    const done = (): void => void release().catch(() => undefined);
    if (source.closed) return done();
    source.once('close', done);
    source.destroy();
  });
  return source.pipe(out);
}
