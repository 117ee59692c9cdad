import { posix } from 'node:path';
import { nearest } from '../../dockerfile/index.ts';
import { LadingError } from '../../errors/index.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { joinPath } from '../tree/names.ts';

const MAX_SHOWN = 5;
const MAX_NAME = 100;

/** The error for a source that is not there: why it is not, or what is there with a name like it. @param path the source, clean and relative */
export function missingSource(tree: FileTree, source: string, path: string): LadingError {
  const shown = posix.normalize(`/${source}`).replace(/(.)\/$/, '$1');
  return new LadingError('invalid_argument', `failed to compute cache key: "${shown}": not found`, {
    hint: hintFor(tree, path),
  });
}

function hintFor(tree: FileTree, path: string): string {
  const rule = tree.hiddenBy(path);
  if (rule !== undefined)
    return `"${path}" is excluded by .dockerignore (pattern "${rule}"): change the pattern, or add "!${path}" behind it`;
  const { folder, missing } = deepestFolder(tree, path);
  const where = folder === '' ? 'at the root of what is copied from' : `in "${folder}"`;
  const names = tree.names(folder).filter((name) => name.length <= MAX_NAME && !/[\x00-\x1f\x7f]/.test(name));
  const near = nearNames(missing, names);
  if (near.length > 0) return `did you mean ${near.map((name) => `"${joinPath(folder, name)}"`).join(' or ')}?`;
  if (names.length === 0) return `there is nothing ${where}`;
  const rest = names.length > MAX_SHOWN ? `, and ${names.length - MAX_SHOWN} more` : '';
  return `there is no "${missing}" ${where}, only ${names.slice(0, MAX_SHOWN).join(', ')}${rest}`;
}

/** The folder of the path that exists, and the name that does not. */
function deepestFolder(tree: FileTree, path: string): { folder: string; missing: string } {
  let folder = '';
  for (const name of path.split('/')) {
    const next = tree.resolve(joinPath(folder, name));
    if (next === undefined || tree.stat(next)?.type !== 'directory') return { folder, missing: name };
    folder = next;
  }
  return { folder, missing: posix.basename(path) };
}

/** Names at most two edits away whatever their casing, else those that begin alike. */
function nearNames(name: string, names: readonly string[]): string[] {
  const lower = name.toLowerCase();
  const byLower = new Map(names.map((one) => [one.toLowerCase(), one]));
  // In a short name two edits leave little of it.
  const options = [...byLower.keys()].filter((one) => lower.length > 4 || one[0] === lower[0]);
  const same = byLower.get(lower) ?? byLower.get(nearest(lower, options) ?? '');
  if (same !== undefined) return [same];
  const stem = lower.replace(/\..*$/, '');
  return stem.length < 3 ? [] : names.filter((one) => one.toLowerCase().startsWith(stem)).slice(0, 2);
}
