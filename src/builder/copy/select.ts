import { posix } from 'node:path';
import { IgnoreMatcher, matchGlob } from '../../dockerfile/index.ts';
import { LadingError } from '../../errors/index.ts';
import { Turns } from '../tree/file-digests.ts';
import type { FileStat } from '../tree/file-stat.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { joinPath } from '../tree/names.ts';
import { missingSource } from './missing-source.ts';

/** One thing to copy: a file, or the contents of a folder. */
export interface CopyUnit {
  /** Where it really is in its tree, links followed. */
  readonly path: string;
  readonly stat: FileStat;
  /** Name it gets inside a destination folder: that of the source as written, not of what a link led to. */
  readonly name: string;
  /** --parents: folders kept in front of it. */
  readonly parents: string;
  /** --parents: where those folders are in the tree. */
  readonly pivot?: string;
}

/** Something below a unit; `rel` is '' for a unit that is a file. */
export interface WalkEntry {
  readonly rel: string;
  readonly path: string;
  readonly stat: FileStat;
  /** An excluded folder that something included may lie in. */
  readonly isPassage?: boolean;
}

const MAX_DEPTH = 1000;
/** Longer ones no system call takes: they would seem not to be there. A name has 255 bytes at most, 4095 is the limit. */
const MAX_PATH = 3800;

/**
 * What the sources of a COPY name, in order. Patterns match as Go's filepath.Match and may match nothing; a plain source must exist, and so
 * must the folder a pattern begins with.
 * @throws invalid_argument `"/x": not found`
 */
export function selectUnits(
  tree: FileTree,
  sources: readonly string[],
  options: { readonly parents?: boolean } = {},
): CopyUnit[] {
  if (options.parents) return sources.flatMap((source) => selectWithParents(tree, source));
  return sources.flatMap((source) => {
    const path = clean(source);
    return matches(tree, path).flatMap((found) => {
      const real = tree.resolve(found);
      const stat = real === undefined ? undefined : tree.stat(real);
      if (real !== undefined && stat) return [{ path: real, stat, name: posix.basename(found), parents: '' }];
      throw isPattern(path) ? missingSource(tree, found, found) : missingSource(tree, source, path);
    });
  });
}

/**
 * --parents: `/./` says where the kept part begins. What is before it, and what is behind it, may be patterns; in the latter `**` is any number
 * of folders, and nothing needs to exist.
 */
function selectWithParents(tree: FileTree, source: string): CopyUnit[] {
  const at = source.indexOf('/./');
  const before = at < 0 ? '' : clean(source.slice(0, at));
  const pattern = clean(at < 0 ? source : source.slice(at + 3));
  return matches(tree, before).flatMap((found) => {
    const pivot = tree.resolve(found) ?? found;
    return outermost(isPattern(pattern) ? matchesBelow(tree, pivot, pattern) : [pattern]).flatMap((kept) => {
      const own = joinPath(pivot, kept);
      // A link is copied as one, as in BuildKit.
      const real = tree.stat(own)?.type === 'symlink' ? own : tree.resolve(own);
      const stat = real === undefined ? undefined : tree.stat(real);
      if (real !== undefined && stat) {
        const folder = posix.dirname(kept);
        const parents = stat.type === 'directory' ? kept : folder === '.' ? '' : folder;
        return [{ path: real, stat, name: posix.basename(kept), parents, pivot }];
      }
      if (isPattern(before) || isPattern(pattern)) return [];
      throw missingSource(tree, source, clean(source));
    });
  });
}

/** The folders kept in front of a unit, the outermost first; those that cannot be seen without what they are. */
export function parentsOf(
  tree: FileTree,
  { parents, pivot = '' }: CopyUnit,
): { readonly kept: string; readonly stat: FileStat | undefined }[] {
  const names = parents === '' ? [] : parents.split('/');
  return names.map((_, at) => {
    const kept = names.slice(0, at + 1).join('/');
    const real = tree.resolve(joinPath(pivot, kept));
    const stat = real === undefined ? undefined : tree.stat(real);
    return { kept, stat: stat?.type === 'directory' ? stat : undefined };
  });
}

function clean(text: string): string {
  return posix.normalize(`/${text}`).replace(/^\/+|\/+$/g, '');
}

/** Without what lies in another one of them, and each only once. */
function outermost(paths: readonly string[]): string[] {
  const all = new Set(paths);
  return [...all].filter((path) => {
    for (let folder = posix.dirname(path); folder !== '.'; folder = posix.dirname(folder))
      if (all.has(folder)) return false;
    return true;
  });
}

function isPattern(path: string): boolean {
  return /[*?[\\]/.test(path);
}

/**
 * Paths a pattern matches, component by component; a plain path is returned as it is. Links are followed in the part before the first
 * wildcard only, as in BuildKit, and what that part names must exist.
 */
function matches(tree: FileTree, pattern: string): string[] {
  if (!isPattern(pattern)) return [pattern];
  const parts = pattern.split('/');
  const first = parts.findIndex(isPattern);
  const fixed = parts.slice(0, first).join('/');
  const root = tree.resolve(fixed);
  if (root === undefined || !tree.stat(root)) throw missingSource(tree, fixed, fixed);
  return matchesBelow(tree, root, parts.slice(first).join('/'), false).map((below) => joinPath(fixed, below));
}

/** Paths below a folder, relative to it. With `deep`, `**` stands for any number of folders. */
function matchesBelow(tree: FileTree, root: string, pattern: string, deep = true): string[] {
  const parts = pattern.split('/');
  let found = [''];
  for (const [at, part] of parts.entries())
    found = found.flatMap((below) => {
      const folder = joinPath(root, below);
      if (tree.stat(folder)?.type !== 'directory') return [];
      if (deep && part === '**' && at < parts.length - 1) return foldersBelow(tree, root, below);
      const isThere = (name: string): boolean => tree.stat(joinPath(folder, name)) !== undefined;
      const names = isPattern(part)
        ? tree.names(folder).filter((name) => matchGlob(part, name))
        : [part].filter(isThere);
      return names.map((name) => joinPath(below, name));
    });
  return found;
}

function foldersBelow(tree: FileTree, root: string, folder: string): string[] {
  const folders = [folder];
  for (const one of folders) {
    const path = joinPath(root, one);
    if (isTooLong(path)) throw new LadingError('invalid_argument', `"/${path.slice(0, 200)}…": nested too deep`);
    for (const name of tree.names(path))
      if (tree.stat(joinPath(path, name))?.type === 'directory') folders.push(joinPath(one, name));
  }
  return folders;
}

function isTooLong(path: string): boolean {
  return path.length > MAX_PATH / 4 && Buffer.byteLength(path) > MAX_PATH;
}

/**
 * A unit's entries, folders before what is in them, what is excluded left out. A folder's own entry (`rel` '') is not among them.
 * As in BuildKit, patterns are relative to the unit, and a file that is named is never excluded; with --parents they see the parents, too.
 */
export async function* walkUnit(
  tree: FileTree,
  unit: CopyUnit,
  exclude: IgnoreMatcher | undefined,
  signal?: AbortSignal,
): AsyncGenerator<WalkEntry[], void, undefined> {
  if (unit.stat.type !== 'directory') {
    if (unit.parents === '' || !exclude?.ignores(joinPath(unit.parents, unit.name)))
      yield [{ rel: '', path: unit.path, stat: unit.stat }];
    return;
  }
  const turns = new Turns();
  const pending: { rel: string; path: string; depth: number }[] = [{ rel: '', path: unit.path, depth: 0 }];
  for (let folder = pending.pop(); folder; folder = pending.pop()) {
    if (folder.depth > MAX_DEPTH || isTooLong(folder.path))
      throw new LadingError('invalid_argument', `"/${folder.path.slice(0, 200)}…": nested too deep`);
    const entries: WalkEntry[] = [];
    for (const name of tree.names(folder.path)) {
      const [rel, path] = [joinPath(folder.rel, name), joinPath(folder.path, name)];
      const stat = tree.stat(path);
      if (!stat) continue;
      const isPassage = exclude?.ignores(joinPath(unit.parents, rel)) ?? false;
      if (isPassage && !(stat.type === 'directory' && exclude!.mayContainIncluded(joinPath(unit.parents, rel))))
        continue;
      entries.push({ rel, path, stat, ...(isPassage ? { isPassage } : {}) });
      if (stat.type === 'directory') pending.push({ rel, path, depth: folder.depth + 1 });
    }
    yield entries;
    await turns.pause(signal);
  }
}
