import { lstatSync, type Stats } from 'node:fs';
import { bytesOfText } from '../byte-text.ts';

/**
 * A path to `base` in an open folder that node:fs and the path-taking system calls understand. The descriptor is followed, `base` is not
 * (by the l… calls). `.` means the folder itself.
 */
export function pathAt(fd: number, base: string): string | Buffer {
  const path = `/proc/self/fd/${fd}/${base}`;
  return base.isWellFormed() ? path : bytesOfText(path);
}

/** The same for src/sys, where bytes end with a NUL. */
export function nativePathAt(fd: number, base: string): string | Buffer {
  const path = pathAt(fd, base);
  return typeof path === 'string' ? path : Buffer.concat([path, Buffer.of(0)]);
}

/** lstat in an open folder; undefined when there is nothing. */
export function statAt(fd: number, base: string): Stats | undefined {
  return lstatSync(pathAt(fd, base), { throwIfNoEntry: false });
}

/** The character device 0:0: how overlayfs says "deleted". */
export function isWhiteoutStat(
  stats: { isCharacterDevice(): boolean; readonly rdev: number | bigint } | undefined,
): boolean {
  return stats !== undefined && stats.isCharacterDevice() && Number(stats.rdev) === 0;
}
