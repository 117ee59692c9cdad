import { closeSync } from 'node:fs';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { errnoOf, LadingError, toLadingError } from '../../errors/index.ts';
import { O, openat, openat2, RESOLVE } from '../../sys/index.ts';
import { nativePath } from '../byte-text.ts';
import { baseOf, cleanEntryName, parentOf, showName } from '../entry-name.ts';
import { RootFolder } from '../extract/root-folder.ts';
import { statAt } from '../extract/stat-at.ts';
import { TreePacker, type PackFilter } from './tree-packer.ts';

export interface TarTreeOptions {
  readonly filter?: PackFilter;
  /** Name of the top entry in the archive. '' : the content of the folder without an entry for itself. Default: the last part of the path ('' for the root). */
  readonly topName?: string;
  /** Take what a symlink at the end of the path leads to. */
  readonly followTop?: boolean;
  /** Seconds; see PackOptions. */
  readonly clampMtime?: number;
  readonly signal?: AbortSignal;
}

/**
 * A file or folder below `rootDir` as a tar stream (`docker export`, `cp`, a build context). `subPath` resolves as if `rootDir` were `/`.
 * Deterministic for an unchanging tree. The receiver destroys the stream.
 * Errors come out of the stream: not_found, invalid_argument, conflict (a file became shorter), cancelled.
 */
export function tarTree(rootDir: string, subPath: string = '', options: TarTreeOptions = {}): Readable {
  return Readable.from(chunksOf(rootDir, subPath, options), { objectMode: false, highWaterMark: 512 * 1024 });
}

async function* chunksOf(
  rootDir: string,
  subPath: string,
  options: TarTreeOptions,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    using root = new RootFolder(rootDir, () => {});
    for (const chunk of pack(root, subPath, options)) {
      options.signal?.throwIfAborted();
      yield chunk;
      await setImmediate();
    }
  } catch (error) {
    throw toLadingError(error, `archive ${showName(subPath)}`);
  }
}

function pack(root: RootFolder, subPath: string, options: TarTreeOptions): Generator<Buffer, void, undefined> {
  const { filter, clampMtime } = options;
  const packer = new TreePacker({ ...(filter ? { filter } : {}), ...(clampMtime === undefined ? {} : { clampMtime }) });
  const path = options.followTop ? followed(root, subPath) : cleanEntryName(subPath);
  const parent = root.existing(parentOf(path), subPath);
  const base = path === '' ? '.' : baseOf(path);
  if (parent === undefined || !statAt(parent, base)) throw missing(subPath);
  const name = options.topName ?? baseOf(cleanEntryName(subPath));
  return name === '' ? content(packer, parent, base) : packer.tree(parent, base, name);
}

function* content(packer: TreePacker, parent: number, base: string): Generator<Buffer, void, undefined> {
  const fd = openat(parent, nativePath(base), O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC);
  try {
    yield* packer.folder(fd);
  } finally {
    closeSync(fd);
  }
}

/** The path without symlinks. */
function followed(root: RootFolder, subPath: string): string {
  const path = cleanEntryName(subPath);
  if (path === '') return path;
  try {
    const fd = openat2(root.fd, nativePath(path), O.PATH | O.CLOEXEC, 0, RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS);
    try {
      return root.realPathOf(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '') ? missing(subPath) : error;
  }
}

function missing(subPath: string): LadingError {
  return new LadingError('not_found', `archive ${showName(subPath)}: no such file or folder`);
}
