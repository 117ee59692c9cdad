import { createHash } from 'node:crypto';
import type { IgnoreMatcher } from '../../dockerfile/index.ts';
import { digestFile, type FileDigests } from '../tree/file-digests.ts';
import type { FileStat, FileTree } from '../tree/file-tree.ts';
import { walkUnit, type CopyUnit } from './select.ts';

export interface UnitsDigest {
  readonly digest: string;
  /** Files and their digests, for explaining a miss; cut after some thousands. */
  readonly files: readonly (readonly [path: string, facts: string])[];
}

export interface DigestOptions {
  readonly exclude?: IgnoreMatcher | undefined;
  /** Owners are copied too, so they count. */
  readonly keepOwner: boolean;
  /** Times (whole seconds) are copied too, and count. */
  readonly keepTimes?: boolean;
  readonly known?: FileDigests | undefined;
  readonly signal?: AbortSignal;
}

const MAX_KEPT = 5000;

/** One digest of everything a copy would write: names, kinds, permissions, owners, link targets, contents. Times do not count unless asked for. */
export async function digestUnits(
  tree: FileTree,
  units: readonly CopyUnit[],
  options: DigestOptions,
): Promise<UnitsDigest> {
  const total = createHash('sha256');
  const files: [string, string][] = [];
  for (const unit of units) {
    // A second name is copied as a link to the first.
    const linked = new Map<bigint, string>();
    total.update(`unit\0${unit.stat.type === 'directory' ? '' : unit.name}\0${unit.parents}\0${unit.stat.type}\n`);
    for await (const entries of walkUnit(tree, unit, options.exclude, options.signal)) {
      const lines: string[] = [];
      for (const { rel, path, stat } of entries) {
        const earlier = stat.type === 'file' && stat.links > 1 ? linked.get(stat.inode) : undefined;
        if (earlier === undefined && stat.links > 1) linked.set(stat.inode, rel);
        const found = earlier === undefined ? factsOf(tree, path, stat, options) : `link ${earlier}`;
        const facts = typeof found === 'string' ? found : await found;
        lines.push(`${rel}\0${facts}\n`);
        if (files.length < MAX_KEPT) files.push([path, facts]);
      }
      total.update(lines.join(''));
    }
  }
  return { digest: total.digest('hex'), files };
}

function factsOf(tree: FileTree, path: string, stat: FileStat, options: DigestOptions): Promise<string> | string {
  const owner = options.keepOwner ? ` ${stat.uid}:${stat.gid}` : '';
  const time = options.keepTimes ? ` @${stat.mtimeNs / 1_000_000_000n}` : '';
  const facts = `${stat.type} ${stat.mode.toString(8)}${owner}${time}`;
  switch (stat.type) {
    case 'file': {
      const digest = contentOf(tree, path, stat, options);
      return typeof digest === 'string' ? `${facts} ${digest}` : digest.then((text) => `${facts} ${text}`);
    }
    case 'symlink':
      return `${facts} ${tree.readLink(path)}`;
    case 'char':
    case 'block':
      return `${facts} ${stat.rdev}`;
    default:
      return facts;
  }
}

function contentOf(
  tree: FileTree,
  path: string,
  stat: FileStat,
  { known, signal }: DigestOptions,
): string | Promise<string> {
  return known ? known.digestOf(tree, path, stat, signal) : digestFile(tree, path, stat.size, signal);
}
