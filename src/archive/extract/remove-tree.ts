import { closeSync, readdirSync } from 'node:fs';
import { errnoOf, LadingError } from '../../errors/index.ts';
import { AT, O, openat, unlinkAt } from '../../sys/index.ts';
import { nativePath, textOfLatin1 } from '../byte-text.ts';

/** Deeper trees cannot be named by a path, and every level holds a descriptor. */
export const MAX_DEPTH = 2048;

/** Removes `base` in an open folder with everything in it; follows nothing. Nothing there is fine. */
export function removeTree(fd: number, base: string, depth = 0): void {
  if (depth > MAX_DEPTH)
    throw new LadingError('invalid_argument', `remove a folder: it is deeper than ${MAX_DEPTH} levels`);
  try {
    unlinkAt(fd, nativePath(base));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return;
    if (errno !== 'EISDIR') throw error;
    removeFolder(fd, base, depth);
  }
}

function removeFolder(fd: number, base: string, depth: number): void {
  const folder = openat(fd, nativePath(base), O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC);
  try {
    for (const name of readdirSync(`/proc/self/fd/${folder}`, 'latin1'))
      removeTree(folder, textOfLatin1(name), depth + 1);
  } finally {
    closeSync(folder);
  }
  unlinkAt(fd, nativePath(base), AT.REMOVEDIR);
}
