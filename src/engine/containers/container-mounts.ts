import { chmodSync, chownSync, fstatSync, mkdirSync, readdirSync, rmSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { extractTar, tarTree } from '../../archive/index.ts';
import { errnoOf, LadingError } from '../../errors/index.ts';
import type { ContainerMount } from '../../runtime/index.ts';
import { AT, O, RESOLVE, closeFd, openat2 } from '../../sys/index.ts';
import type { VolumeStore } from '../../volume/index.ts';
import type { MountPoint } from '../types.ts';
import type { RequestedMount } from './mount-requests.ts';

/** Turns what was asked for into mount points, making the volumes. Names of the anonymous ones are returned. */
export async function resolveMountPoints(
  requests: readonly RequestedMount[],
  volumes: VolumeStore,
): Promise<{ mounts: MountPoint[]; anonymous: string[] }> {
  const anonymous: string[] = [];
  const mounts: MountPoint[] = [];
  for (const request of requests) {
    if (request.type === 'tmpfs') {
      mounts.push({
        type: 'tmpfs',
        source: '',
        destination: request.target,
        readWrite: true,
        mode: request.options.join(','),
        propagation: '',
      });
    } else if (request.type === 'bind') {
      if (request.mustExist) requireSource(request.source);
      mounts.push({
        type: 'bind',
        source: request.source,
        destination: request.target,
        readWrite: !request.readOnly,
        mode: request.mode,
        propagation: request.propagation,
      });
    } else {
      const volume = await volumes.create({ name: request.name, labels: request.labels });
      if (request.name === undefined) anonymous.push(volume.name);
      const mode = request.noCopy ? 'nocopy' : request.mode;
      mounts.push({
        type: 'volume',
        name: volume.name,
        source: volumes.pathOf(volume.name),
        destination: request.target,
        readWrite: !request.readOnly,
        mode,
        propagation: '',
      });
    }
  }
  return { mounts, anonymous };
}

function requireSource(source: string): void {
  try {
    statSync(source);
  } catch (error) {
    throw new LadingError(
      'invalid_argument',
      `invalid mount config for type "bind": bind source path does not exist: ${source}`,
      {
        cause: error,
        hint: 'create the folder first, or use -v, which makes it',
      },
    );
  }
}

const DEFAULT_TMPFS = ['noexec', 'nosuid', 'nodev'];

/** Mount points as the runtime wants them. A bind's missing source is made as a folder, as Docker's -v does. */
export function runtimeMounts(mounts: readonly MountPoint[]): ContainerMount[] {
  return mounts.map((mount) => {
    if (mount.type === 'tmpfs')
      return {
        type: 'tmpfs',
        source: 'tmpfs',
        target: mount.destination,
        options: [...DEFAULT_TMPFS, ...(mount.mode === '' ? [] : mount.mode.split(','))],
      };
    if (mount.type === 'bind') makeMissing(mount.source);
    const options = ['rbind', mount.propagation || 'rprivate', mount.readWrite ? 'rw' : 'ro'];
    return { type: 'bind', source: mount.source, target: mount.destination, options };
  });
}

function makeMissing(source: string): void {
  try {
    statSync(source);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    mkdirSync(source, { recursive: true, mode: 0o755 });
  }
}

/**
 * First use of a volume: the image's content at that place is copied into it when it is empty, with the folder's owner and mode
 * (Docker's copy-up). The place is resolved inside the root file system, whatever links the image put there.
 * A copy that fails leaves the volume empty, so that the next start tries again.
 */
export async function copyUpVolumes(rootfs: string, mounts: readonly MountPoint[]): Promise<void> {
  for (const mount of mounts) {
    if (mount.type !== 'volume' || mount.mode.includes('nocopy') || readdirSync(mount.source).length > 0) continue;
    const folder = folderInside(rootfs, mount.destination);
    if (folder === undefined) continue;
    try {
      const content = tarTree(rootfs, mount.destination, { topName: '', followTop: true });
      await extractTar(content, { dir: mount.source });
      chownSync(mount.source, folder.uid, folder.gid);
      chmodSync(mount.source, folder.mode & 0o7777);
    } catch (error) {
      for (const name of readdirSync(mount.source)) rmSync(join(mount.source, name), { recursive: true, force: true });
      throw error;
    }
  }
}

/** Undefined when there is no folder at that place. */
function folderInside(rootfs: string, path: string): Stats | undefined {
  const root = openat2(AT.FDCWD, rootfs, O.PATH | O.DIRECTORY | O.CLOEXEC, 0, 0);
  try {
    const fd = openat2(root, path, O.PATH | O.DIRECTORY | O.CLOEXEC, 0, RESOLVE.IN_ROOT);
    try {
      return fstatSync(fd);
    } finally {
      closeFd(fd);
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  } finally {
    closeFd(root);
  }
}
