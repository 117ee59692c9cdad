import { createHash, hash } from 'node:crypto';
import type { IgnoreMatcher } from '../../dockerfile/index.ts';
import { digestFile, type FileDigests } from '../tree/file-digests.ts';
import type { FileStat } from '../tree/file-stat.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { copiedXattrs } from './copy-units.ts';
import { parentsOf, walkUnit, type CopyUnit } from './select.ts';

export interface UnitsDigest {
  readonly digest: string;
  /** What was digested, for explaining a miss. */
  readonly list: FileList;
}

/** The units of a digest with their lines: "path below the unit\0facts\n". */
export interface FileList {
  readonly units: readonly FileListUnit[];
  /** There were more lines than are kept. */
  readonly cut: boolean;
}

export interface FileListUnit {
  readonly isFolder: boolean;
  readonly name: string;
  readonly parents: string;
  /** In the source. */
  readonly path: string;
  readonly lines: readonly string[];
}

export interface DigestOptions {
  readonly exclude?: IgnoreMatcher | undefined;
  /** Owners are copied too, so they count. */
  readonly keepOwner: boolean;
  /** Times (whole seconds) are copied too, and count. */
  readonly keepTimes?: boolean;
  /** False when the copy gives every file the same permissions, whatever the source's are. */
  readonly keepMode?: boolean;
  /** Devices, pipes and attributes are copied too: sources that are root file systems. */
  readonly special?: boolean;
  readonly known?: FileDigests | undefined;
  readonly signal?: AbortSignal;
}

const MAX_LINES = 100_000;

/** One digest of everything a copy would write: names, kinds, permissions, owners, link targets, contents. Times do not count unless asked for. */
export async function digestUnits(
  tree: FileTree,
  units: readonly CopyUnit[],
  options: DigestOptions,
): Promise<UnitsDigest> {
  const total = createHash('sha256');
  const kept: FileListUnit[] = [];
  let count = 0;
  for (const unit of units) {
    const isFolder = unit.stat.type === 'directory';
    // A second name is copied as a link to the first.
    const linked = new Map<bigint, string>();
    total.update(`unit\0${isFolder ? '' : unit.name}\0${unit.parents}\0${unit.stat.type}\n`);
    for (const { kept, stat } of parentsOf(tree, unit))
      if (stat)
        total.update(
          `parent\0${kept}\0${await factsOf(tree, '', stat, { ...options, special: false, keepTimes: false })}\n`,
        );
    const all: string[] = [];
    for await (const entries of walkUnit(tree, unit, options.exclude, options.signal)) {
      const lines: string[] = [];
      for (const { rel, path, stat } of entries) {
        if (!isCopied(stat, options)) continue;
        const earlier = stat.type === 'file' && stat.links > 1 ? linked.get(stat.inode) : undefined;
        if (earlier === undefined && stat.links > 1) linked.set(stat.inode, rel);
        const facts = earlier === undefined ? factsOf(tree, path, stat, options) : `hardlink - - - ${escaped(earlier)}`;
        lines.push(`${rel}\0${typeof facts === 'string' ? facts : await facts}\n`);
      }
      total.update(lines.join(''));
      if ((count += lines.length) <= MAX_LINES) all.push(...lines);
    }
    kept.push({ isFolder, name: unit.name, parents: unit.parents, path: unit.path, lines: all });
  }
  return { digest: total.digest('hex'), list: { units: kept, cut: count > MAX_LINES } };
}

function isCopied({ type }: FileStat, { special = false }: DigestOptions): boolean {
  return type === 'file' || type === 'directory' || type === 'symlink' || (special && type !== 'socket');
}

/**
 * "type mode owner time value", without a newline: the value is a digest of the bytes, a link's target, or a device's number.
 * "+digest" after the owner stands for extended attributes; "-" for what does not count.
 */
function factsOf(tree: FileTree, path: string, stat: FileStat, options: DigestOptions): Promise<string> | string {
  const { keepOwner, keepMode = true, keepTimes = false, special = false } = options;
  const mode = keepMode && stat.type !== 'symlink' ? stat.mode.toString(8) : '-';
  const owner = keepOwner ? `${stat.uid}:${stat.gid}` : '-';
  const time = keepTimes ? stat.mtimeNs / 1_000_000_000n : '-';
  const facts = `${stat.type} ${mode} ${owner}${special ? attributesOf(tree, path, stat) : ''} ${time}`;
  switch (stat.type) {
    case 'file': {
      const digest = contentOf(tree, path, stat, options);
      return typeof digest === 'string' ? `${facts} ${digest}` : digest.then((text) => `${facts} ${text}`);
    }
    case 'symlink':
      return `${facts} ${escaped(tree.readLink(path))}`;
    case 'char':
    case 'block':
      return `${facts} ${stat.rdev}`;
    default:
      return facts;
  }
}

/** Newlines end a line; NUL is in no path. */
function escaped(path: string): string {
  return path.replaceAll('\n', '\0');
}

function attributesOf(tree: FileTree, path: string, stat: FileStat): string {
  if (stat.type === 'symlink') return '';
  const attributes = copiedXattrs(tree.nativePathOf(path));
  if (attributes.length === 0) return '';
  const lines = attributes.map(([name, value]) => `${name}\0${value.toString('hex')}\n`).sort();
  return `+${hash('sha256', lines.join(''))}`;
}

function contentOf(
  tree: FileTree,
  path: string,
  stat: FileStat,
  { known, signal }: DigestOptions,
): string | Promise<string> {
  return known ? known.digestOf(tree, path, stat, signal) : digestFile(tree, path, stat.size, signal);
}
