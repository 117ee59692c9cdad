import { lstatSync, type BigIntStats } from 'node:fs';
import { devMajor, devMinor, getXattr, type NativePath } from '../../sys/index.ts';
import { isRefusedXattr } from '../extract/metadata.ts';
import { pathAt } from '../extract/stat-at.ts';
import type { EntryType, TarHeader } from '../tar/header.ts';

/** With bigints: inode numbers and nanoseconds are exact. */
export type EntryStats = BigIntStats;

export function statEntry(fd: number, base: string): EntryStats | undefined {
  return lstatSync(pathAt(fd, base), { bigint: true, throwIfNoEntry: false });
}

/** undefined for sockets, which tar does not know. */
export function typeOfStats(stats: EntryStats): EntryType | undefined {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isCharacterDevice()) return 'char';
  if (stats.isBlockDevice()) return 'block';
  return stats.isFIFO() ? 'fifo' : undefined;
}

/** Everything but a symlink's target. Owner's names of the host are left out on purpose. */
export function entryHeader(
  file: NamedXattrs,
  name: string,
  type: EntryType,
  stats: EntryStats,
  seconds: number,
): TarHeader {
  const xattrs = xattrsOf(file);
  return {
    name,
    type,
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: type === 'file' ? Number(stats.size) : 0,
    mtime: { sec: seconds, nsec: 0 },
    ...(type === 'char' || type === 'block'
      ? { devMajor: devMajor(stats.rdev), devMinor: devMinor(stats.rdev) }
      : undefined),
    ...(xattrs ? { xattrs } : undefined),
  };
}

/** Rounds down, also before 1970. */
export function secondsOf(nanoseconds: bigint): number {
  const sec = Number(nanoseconds / 1_000_000_000n);
  return nanoseconds % 1_000_000_000n < 0n ? sec - 1 : sec;
}

/** A file and the names of its extended attributes. */
export interface NamedXattrs {
  readonly path: NativePath;
  readonly xattrs: readonly string[];
}

function xattrsOf({ path, xattrs }: NamedXattrs): Map<string, Buffer> | undefined {
  let found: Map<string, Buffer> | undefined;
  for (const name of xattrs) {
    const value = isRefusedXattr(name) ? undefined : getXattr(path, name);
    if (value) (found ??= new Map()).set(name, value);
  }
  return found;
}
