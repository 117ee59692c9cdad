import { constants } from 'node:fs';

/** Opens a folder and nothing else: a symbolic link put in its place meanwhile is refused. */
export const OPEN_FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Path of an entry by its folder's descriptor. Always short and not open to renames above it, unlike the path from the root,
 * which a container can make longer than the kernel takes. Names are bytes: layers hold names that are not UTF-8.
 */
export function entryPath(folderFd: number, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${folderFd}/`), name]);
}

/** Path of the open folder itself. */
export function folderPath(folderFd: number): string {
  return `/proc/self/fd/${folderFd}`;
}
