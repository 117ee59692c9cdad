import { fstatSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { LadingError, errnoOf } from '../../errors/index.ts';
import { O, RESOLVE, closeFd, openat2 } from '../../sys/index.ts';
import type { PathStat } from '../types.ts';

/** A path of a container, held: an open folder and the way from there. What it lies in stays reachable until `release`. */
export interface Place {
  readonly root: number;
  /** Clean, absolute as if `root` were "/". */
  readonly path: string;
  /** Last part of the path in the container; '' for its root. */
  readonly name: string;
  /** Where the container sees `root`. */
  readonly mountedAt: string;
  readonly release: () => Promise<void>;
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

const OF_LINK = O.PATH | O.NOFOLLOW | O.CLOEXEC;

/** Docker's stat of a path: of the link itself, with where it leads. @throws not_found, invalid_argument */
export function statPlace(place: Place, asked: string): PathStat {
  const { root, path } = place;
  // "link/." is the folder the link leads to.
  const throughLink = path === '/' || asked.endsWith('/.');
  let fd: number;
  try {
    fd = throughLink ? openat2(root, path, O.PATH | O.CLOEXEC, 0, RESOLVE.IN_ROOT) : openLink(root, path);
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR')
      throw new LadingError('invalid_argument', `${asked}: not a directory`, { cause: error });
    throw new LadingError('not_found', `Could not find the file ${asked} in container`, { cause: error });
  }
  try {
    const stats = fstatSync(fd);
    return {
      name: place.name || '/',
      size: stats.size,
      mode: goMode(stats.mode),
      mtime: stats.mtime.toISOString(),
      linkTarget: stats.isSymbolicLink() ? resolveLink(place) : '',
    };
  } finally {
    closeFd(fd);
  }
}

function openLink(root: number, path: string): number {
  const parent = openat2(root, posix.dirname(path), O.PATH | O.DIRECTORY | O.CLOEXEC, 0, RESOLVE.IN_ROOT);
  try {
    return openat2(parent, posix.basename(path), OF_LINK, 0, RESOLVE.IN_ROOT);
  } finally {
    closeFd(parent);
  }
}

/** Where a link leads, as the container names it; '' when nowhere. */
function resolveLink({ root, path, mountedAt }: Place): string {
  try {
    const fd = openat2(root, path, O.PATH | O.CLOEXEC, 0, RESOLVE.IN_ROOT);
    try {
      const rootPath = readlinkSync(`/proc/self/fd/${root}`);
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      // The root of another mount namespace, or of a detached mount, reads as "/".
      const inside = rootPath === '/' ? target : target.slice(rootPath.length);
      return posix.join(mountedAt, inside);
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
