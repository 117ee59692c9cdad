import { lstatSync, readdirSync, type BigIntStats } from 'node:fs';
import { errnoOf } from '../../errors/index.ts';
import { getXattr } from '../../sys/index.ts';
import { fsPath, nativePath, textOfLatin1 } from '../byte-text.ts';
import { isWhiteoutStat } from './stat-at.ts';

export const OPAQUE_XATTRS = ['trusted.overlay.opaque', 'user.overlay.opaque'] as const;

/** Whether overlayfs shows nothing of the layers below this folder. */
export function isOpaqueFolder(path: string): boolean {
  return OPAQUE_XATTRS.some((name) => getXattr(nativePath(path), name)?.toString() === 'y');
}

export interface Found {
  /** Where it lies on disk. */
  readonly path: string;
  readonly stats: BigIntStats;
}

/**
 * A stack of layer folders seen as overlayfs would show it (whiteouts and opaque folders applied), without mounting it.
 * Names are taken as they are: a symlink on the way ends the search, so that nothing outside the folders is ever looked at.
 */
export class LayerStack {
  readonly #dirs: readonly string[];

  /** @param dirs topmost first */
  constructor(dirs: readonly string[]) {
    this.#dirs = dirs;
  }

  /** What is at a clean relative path ('' is the root: the topmost folder), or undefined. */
  find(path: string): Found | undefined {
    const parts = path === '' ? [] : path.split('/');
    for (const dir of this.#dirs) {
      const result = findIn(dir, parts);
      if (result !== 'go-on') return result;
    }
    return undefined;
  }

  /** Names visible in a folder. */
  names(path: string): Set<string> {
    const names = new Set<string>();
    const hidden = new Set<string>();
    const parts = path === '' ? [] : path.split('/');
    for (const dir of this.#dirs) {
      const found = findIn(dir, parts);
      if (found === undefined) break;
      if (found === 'go-on') continue;
      if (!found.stats.isDirectory()) break;
      addNames(found.path, names, hidden);
      if (parts.length > 0 && isOpaqueOnWay(dir, parts)) break;
    }
    return names;
  }
}

function addNames(folder: string, names: Set<string>, hidden: Set<string>): void {
  for (const raw of readdirSync(fsPath(folder), { encoding: 'latin1' })) {
    const name = textOfLatin1(raw);
    if (names.has(name) || hidden.has(name)) continue;
    const isHidden = isWhiteoutStat(lstatSync(fsPath(`${folder}/${name}`), { throwIfNoEntry: false }));
    (isHidden ? hidden : names).add(name);
  }
}

/** 'go-on': this folder says nothing about the path, the next lower one decides. */
function findIn(dir: string, parts: readonly string[]): Found | undefined | 'go-on' {
  let path = dir;
  let opaque = false;
  let stats = statOf(path);
  for (const part of parts) {
    if (!stats?.isDirectory()) return undefined;
    if (path !== dir) opaque ||= isOpaqueFolder(path);
    path = `${path}/${part}`;
    stats = statOf(path);
    if (!stats) return opaque ? undefined : 'go-on';
    if (isWhiteoutStat(stats)) return undefined;
  }
  return stats ? { path, stats } : 'go-on';
}

function isOpaqueOnWay(dir: string, parts: readonly string[]): boolean {
  return parts.some((_, index) => isOpaqueFolder([dir, ...parts.slice(0, index + 1)].join('/')));
}

function statOf(path: string): BigIntStats | undefined {
  try {
    return lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (errnoOf(error) === 'ENAMETOOLONG' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
