import { chmodSync, closeSync, fchmodSync, fchownSync } from 'node:fs';
import { errnoOf } from '../../errors/index.ts';
import { chownAt, futimesBoth, O, openat, setXattr, utimesAt } from '../../sys/index.ts';
import { nativePath } from '../byte-text.ts';
import type { EntryTime, EntryType } from '../tar/header.ts';
import { nativePathAt } from './stat-at.ts';

/** What is set on an entry once its content is there. */
export interface Metadata {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: EntryTime;
  readonly xattrs?: ReadonlyMap<string, Buffer>;
}

/** Set by the engine alone: a layer that brings them could forge overlayfs's markers or a host's labels. */
const REFUSED_XATTRS = ['trusted.overlay.', 'user.overlay.', 'security.selinux', 'security.ima', 'security.evm'];

export function isRefusedXattr(name: string): boolean {
  return REFUSED_XATTRS.some((prefix) => name.startsWith(prefix));
}

/** A new regular file, still open. `exactMode`: it was made with just these permissions. Owner first, since chown clears setuid and capabilities. */
export function finishFile(
  fd: number,
  folder: number,
  base: string,
  metadata: Metadata,
  done: { readonly owner: boolean; readonly mode: boolean },
): void {
  if (!done.owner) fchownSync(fd, metadata.uid, metadata.gid);
  if (metadata.xattrs) setXattrs(folder, base, 'file', metadata.xattrs);
  if (!done.mode) fchmodSync(fd, metadata.mode);
  futimesBoth(fd, metadata.mtime);
}

/** A folder, which may be merged into an older one; not followed when it was replaced by a symlink meanwhile. Whether it is there. */
export function finishFolder(folder: number, base: string, metadata: Metadata): boolean {
  const fd = openFolder(folder, base);
  if (fd === undefined) return false;
  try {
    fchownSync(fd, metadata.uid, metadata.gid);
    if (metadata.xattrs) setXattrs(folder, base, 'directory', metadata.xattrs);
    fchmodSync(fd, metadata.mode);
    futimesBoth(fd, metadata.mtime);
  } finally {
    closeSync(fd);
  }
  return true;
}

function openFolder(folder: number, base: string): number | undefined {
  try {
    return openat(folder, nativePath(base), O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

export function finishSymlink(folder: number, base: string, metadata: Metadata): void {
  const path = nativePath(base);
  chownAt(folder, path, metadata.uid, metadata.gid);
  if (metadata.xattrs) setXattrs(folder, base, 'symlink', metadata.xattrs);
  utimesAt(folder, path, metadata.mtime);
}

/** A device or FIFO: its mode is set through an O_PATH descriptor, so that nothing is opened and no symlink is followed. */
export function finishNode(folder: number, base: string, type: EntryType, metadata: Metadata): void {
  const path = nativePath(base);
  chownAt(folder, path, metadata.uid, metadata.gid);
  if (metadata.xattrs) setXattrs(folder, base, type, metadata.xattrs);
  const fd = openat(folder, path, O.PATH | O.NOFOLLOW | O.CLOEXEC);
  try {
    chmodSync(`/proc/self/fd/${fd}`, metadata.mode);
  } finally {
    closeSync(fd);
  }
  utimesAt(folder, path, metadata.mtime);
}

function setXattrs(folder: number, base: string, type: EntryType, xattrs: ReadonlyMap<string, Buffer>): void {
  for (const [name, value] of xattrs) {
    if (isRefusedXattr(name) || name.includes('\0')) continue;
    try {
      setXattr(nativePathAt(folder, base), name, value);
    } catch (error) {
      if (!isBearable(error, name, type)) throw error;
    }
  }
}

/** The file system has no such attributes; `user.` on something that may not have them; or the user may not set them. */
function isBearable(error: unknown, name: string, type: EntryType): boolean {
  const errno = errnoOf(error);
  if (errno === 'EOPNOTSUPP' || errno === 'ENOTSUP') return true;
  if (errno !== 'EPERM') return false;
  return (name.startsWith('user.') && type !== 'file' && type !== 'directory') || process.geteuid?.() !== 0;
}
