import { lstatSync, type Stats } from 'node:fs';
import { join, posix } from 'node:path';
import { chainIdOf, type ChainID } from '../oci/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import type { BuiltLayer } from './cache/cache-record.ts';
import type { LayerOperation } from './solver.ts';
import { fsPath } from './tree/names.ts';
import type { BuildLease } from './types.ts';

/** How `--link` makes a layer. */
export interface LinkedOperation {
  /** The same work on an empty file system. */
  readonly alone: LayerOperation;
  /** Absolute; folders down to it may have been made only to lead there. */
  readonly dest: string;
  /** Told once, when the layer is first put on what is below. */
  warn(message: string): void;
}

/**
 * Puts a layer made on nothing on top of `parent`, without touching its files.
 * "different": a folder that leads to the copied files would look other than it does below (a /tmp of mode 1777, say), so they have to be
 * copied in place. Links on the way are replaced, as Docker's reference has it for `--link`.
 */
export async function graftLayer(
  layer: BuiltLayer | undefined,
  parent: ChainID | undefined,
  { dest, warn }: LinkedOperation,
  { snapshotter, lease }: { readonly snapshotter: Snapshotter; readonly lease: BuildLease },
): Promise<BuiltLayer | undefined | 'different'> {
  if (!layer || parent === undefined) return layer;
  const chainId = chainIdOf(parent, layer.diffId);
  await lease.addSnapshot(chainId);
  if (await snapshotter.stat(chainId)) return { ...layer, chainId };
  const own = await snapshotter.upperDirOf(layer.chainId);
  const below = await snapshotter.lowerDirsOf(parent);
  if (foldersTo(dest).some((path) => changesFolder(own, below, path))) return 'different';
  const link = foldersTo(dest).find((path) => isFolder(own, path) && lowestVisible(below, path)?.isSymbolicLink());
  if (link !== undefined) warn(`--link makes a folder of the link "/${link}" of the image below`);
  await snapshotter.graft(chainId, layer.chainId, parent);
  return { ...layer, chainId };
}

/** "/a/b" → "", "a", "a/b". */
function foldersTo(dest: string): string[] {
  const parts = posix
    .normalize(`/${dest}`)
    .split('/')
    .filter((part) => part !== '');
  return parts.reduce((paths, part) => [...paths, posix.join(paths.at(-1) ?? '', part)], ['']);
}

function isFolder(own: string, path: string): boolean {
  return lstatSync(fsPath(join(own, path)), { throwIfNoEntry: false })?.isDirectory() === true;
}

function changesFolder(own: string, below: readonly string[], path: string): boolean {
  const folder = lstatSync(fsPath(join(own, path)), { throwIfNoEntry: false });
  if (!folder?.isDirectory()) return false;
  const existing = lowestVisible(below, path);
  if (!existing?.isDirectory()) return false;
  return existing.mode !== folder.mode || existing.uid !== folder.uid || existing.gid !== folder.gid;
}

/** What layers show at a path that leads through folders only; a deletion above hides what is below it. */
function lowestVisible(layers: readonly string[], path: string): Stats | undefined {
  for (const layer of layers) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const on = lstatSync(fsPath(join(layer, ...parts.slice(0, depth))), { throwIfNoEntry: false });
      if (on && !on.isDirectory()) return undefined;
    }
    const found = lstatSync(fsPath(join(layer, path)), { throwIfNoEntry: false });
    if (found) return found;
  }
  return undefined;
}
