import { lstatSync, rmdirSync, unlinkSync, type Stats } from 'node:fs';
import { join, posix } from 'node:path';
import { getXattr } from '../../sys/index.ts';

/** What a container runtime mounts in every container. */
const RUNTIME_TARGETS = ['/proc', '/dev', '/sys', '/etc/resolv.conf', '/etc/hosts'];

/**
 * Takes empty files and folders away that the runtime made in the upper folder only to mount something on them.
 * What existed below, what the step wrote into, and what leads through links is left alone.
 */
export function removeMountStubs(upperDir: string, lowerDirs: readonly string[], targets: readonly string[]): void {
  const all = [...RUNTIME_TARGETS, ...targets].map((target) => posix.normalize(`/${target}`).replace(/(.)\/$/, '$1'));
  for (const target of all.sort((a, b) => b.length - a.length))
    for (let path = target; path !== '/'; path = posix.dirname(path)) if (!removeStub(upperDir, lowerDirs, path)) break;
}

/** Whether the parent may be a stub as well. */
function removeStub(upperDir: string, lowerDirs: readonly string[], path: string): boolean {
  const own = plainStat(upperDir, path);
  if (!own) return true;
  const below = lowerDirs.map((dir) => plainStat(dir, path)).find((stat) => stat !== undefined);
  if (below && !isCopiedUp(join(upperDir, path), own, below)) return false;
  try {
    if (own.isDirectory()) rmdirSync(join(upperDir, path));
    else if (own.isFile() && own.size === 0) unlinkSync(join(upperDir, path));
    else return false;
    return true;
  } catch {
    return false;
  }
}

/** A folder that is in the upper folder only because something was made in it. */
function isCopiedUp(path: string, own: Stats, below: Stats): boolean {
  const same = own.isDirectory() && below.isDirectory() && own.mode === below.mode;
  return same && own.uid === below.uid && own.gid === below.gid && !getXattr(path, 'trusted.overlay.opaque');
}

/** lstat, undefined when there is nothing or the way to it leads through a link. */
function plainStat(root: string, path: string): Stats | undefined {
  const parts = path.split('/').slice(1);
  for (let depth = 1; depth < parts.length; depth++)
    if (!lstatSync(join(root, ...parts.slice(0, depth)), { throwIfNoEntry: false })?.isDirectory()) return undefined;
  return lstatSync(join(root, path), { throwIfNoEntry: false });
}
