import { closeSync, ftruncateSync, writeSync } from 'node:fs';
import { errnoOf, LadingError, toLadingError } from '../../errors/index.ts';
import { linkAt, makeDev, mkdirAt, mknodAt, O, openat, S_IF, symlinkAt } from '../../sys/index.ts';
import { nativePath } from '../byte-text.ts';
import { baseOf, checkLinkTarget, cleanEntryName, parentOf, refuseEntry, showName } from '../entry-name.ts';
import type { TarHeader } from '../tar/header.ts';
import type { TarEvents } from '../tar/tar-parser.ts';
import { finishFile, finishFolder, finishNode, finishSymlink, type Metadata } from './metadata.ts';
import { removeTree } from './remove-tree.ts';
import { RootFolder, type ParentMade } from './root-folder.ts';
import { statAt } from './stat-at.ts';

/** More entries than any image has; bounds memory and inodes. */
export const DEFAULT_MAX_ENTRIES = 5_000_000;

export interface ExtractorOptions {
  readonly dir: string;
  /** Folder inside `dir` that entries are relative to; symlinks in it resolve inside `dir`. Must exist. */
  readonly into?: string;
  readonly maxEntries?: number;
  /** Owner of everything extracted, instead of what the headers say. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Ids as stored to ids on disk. */
  readonly mapIds?: (ids: { uid: number; gid: number }) => { uid: number; gid: number };
  /** Which entries are extracted; the others are passed over. Default: all. */
  readonly accept?: (header: TarHeader) => boolean;
  /** A folder may not replace something else, nor something else a folder (Docker's noOverwriteDirNonDir). */
  readonly refuseTypeChange?: boolean;
}

const NEW_FILE = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW | O.CLOEXEC;
const NODE_TYPES = { char: S_IF.CHR, block: S_IF.BLK, fifo: S_IF.FIFO } as const;

/**
 * Writes tar entries below one folder as they come, with system calls relative to real folders (see {@link RootFolder}).
 * Nothing is looked up that this run can know: a name is made exclusively first, and only when it is taken one looks at what is there.
 * Folders get their metadata at the end, when nothing more is written into them.
 */
export class Extractor implements TarEvents, Disposable {
  protected readonly options: ExtractorOptions;
  protected readonly root: RootFolder;
  readonly #folders = new Map<string, Metadata>();
  readonly #umask = process.umask();
  readonly #maxEntries: number;
  readonly #prefix: string;
  #fd = -1;
  #parent = -1;
  #base = '';
  #header: TarHeader | undefined;
  #inodes = 0;
  /** Members of the archive so far. */
  entries = 0;

  constructor(options: ExtractorOptions) {
    this.options = options;
    this.#maxEntries = options.maxEntries ?? DEFAULT_MAX_ENTRIES;
    this.root = new RootFolder(options.dir, (path, info) => {
      this.#countInode();
      this.parentMade(path, info);
    });
    const into = cleanEntryName(options.into ?? '');
    this.#prefix = into === '' ? '' : `${into}/`;
    if (into !== '' && this.root.existing(into, into) === undefined) {
      this.root[Symbol.dispose]();
      throw new LadingError('not_found', `extract into ${showName(`/${into}`)}: it is not a folder`);
    }
  }

  entry(header: TarHeader): void {
    this.entries++;
    this.#countInode();
    if (this.options.accept?.(header) === false) return;
    try {
      this.#take(header);
    } catch (error) {
      throw toLadingError(error, `extract ${showName(header.name)}`);
    }
  }

  data(bytes: Buffer, offset: number): void {
    if (this.#fd < 0) return;
    const at = this.#header?.sparse ? offset : null;
    try {
      for (let done = 0; done < bytes.length;)
        done += writeSync(this.#fd, bytes, done, bytes.length - done, at === null ? null : at + done);
    } catch (error) {
      throw toLadingError(error, `extract ${showName(this.#header?.name ?? '')}`);
    }
  }

  entryEnd(): void {
    if (this.#fd < 0) return;
    const header = this.#header!;
    try {
      if (header.sparse) ftruncateSync(this.#fd, header.size);
      const done = { owner: false, mode: (header.mode & (0o7000 | this.#umask)) === 0 };
      finishFile(this.#fd, this.#parent, this.#base, this.metadataOf(header), done);
    } catch (error) {
      throw toLadingError(error, `extract ${showName(header.name)}`);
    } finally {
      closeSync(this.#fd);
      this.#fd = -1;
      this.#header = undefined;
    }
  }

  /** To be called once behind the last entry. Later folders first: parents usually come before what is in them, and may become unreadable. */
  finish(): void {
    for (const [path, metadata] of [...this.#folders].reverse()) {
      const parent = path === '' ? this.root.fd : this.root.existing(parentOf(path), path);
      if (parent === undefined) continue;
      try {
        finishFolder(parent, path === '' ? '.' : baseOf(path), metadata);
      } catch (error) {
        throw toLadingError(error, `extract ${showName(path)}`);
      }
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
    this.root[Symbol.dispose]();
  }

  /** Folders made for missing parents count too: one name can ask for two thousand. */
  #countInode(): void {
    if (++this.#inodes > this.#maxEntries)
      throw new LadingError('resource_exhausted', `extract tar: it has more than ${this.#maxEntries} entries`);
  }

  #take(header: TarHeader): void {
    const clean = cleanEntryName(header.name);
    if (clean !== '') return this.place(this.#prefix + clean, header);
    if (header.type !== 'directory') refuseEntry(header.name, `the root cannot become a ${header.type}`);
    this.rootEntry(header);
  }

  /** An entry for the root itself: a folder that is extracted into keeps its own metadata, as Docker has it. */
  protected rootEntry(_header: TarHeader): void {}

  /** Puts an entry at a clean, non-empty path. */
  protected place(path: string, header: TarHeader): void {
    const parent = this.root.folder(parentOf(path), header.name);
    try {
      this.#make(parent, path, header);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      this.#makeOverExisting(path, header);
    }
  }

  #make(parent: number, path: string, header: TarHeader): void {
    const base = baseOf(path);
    switch (header.type) {
      case 'file':
        this.#fd = openat(parent, nativePath(base), NEW_FILE, header.mode & 0o777);
        [this.#parent, this.#base, this.#header] = [parent, base, header];
        return;
      case 'directory':
        mkdirAt(parent, nativePath(base), 0o700);
        return this.finishLater(path, this.metadataOf(header));
      case 'symlink':
        checkLinkTarget(header.name, header.linkName ?? '');
        symlinkAt(nativePath(header.linkName!), parent, nativePath(base));
        return finishSymlink(parent, base, this.metadataOf(header));
      case 'hardlink':
        return this.#makeHardLink(parent, path, header);
      default:
        return this.#makeNode(parent, base, header, header.type);
    }
  }

  #makeNode(parent: number, base: string, header: TarHeader, type: 'char' | 'block' | 'fifo'): void {
    const device = type === 'fifo' ? 0n : makeDev(header.devMajor ?? 0, header.devMinor ?? 0);
    try {
      mknodAt(parent, nativePath(base), NODE_TYPES[type] | (header.mode & 0o777), device);
    } catch (error) {
      // Without CAP_MKNOD (a user namespace) devices are left out, as in Docker: the runtime makes the ones that matter.
      if (errnoOf(error) === 'EPERM' && type !== 'fifo') return;
      throw error;
    }
    finishNode(parent, base, type, this.metadataOf(header));
  }

  #makeHardLink(parent: number, path: string, header: TarHeader): void {
    const target = this.#prefix + cleanEntryName(header.linkName ?? '');
    if (target === this.#prefix) refuseEntry(header.name, 'it is a hard link to the root');
    if (target === path && statAt(parent, baseOf(path))) return;
    if (this.#link(target, parent, path, header)) return;
    if (!this.bringTarget(target, header))
      refuseEntry(header.name, `the target of the hard link, ${showName(header.linkName ?? '')}, does not exist`);
    this.#link(target, this.root.folder(parentOf(path), header.name), path, header);
  }

  /** Whether the target was there. */
  #link(target: string, parent: number, path: string, header: TarHeader): boolean {
    const from = this.root.existing(parentOf(target), header.name);
    if (from === undefined) return false;
    try {
      linkAt(from, nativePath(baseOf(target)), parent, nativePath(baseOf(path)));
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      if (errnoOf(error) === 'EPERM')
        refuseEntry(header.name, `it is a hard link to ${showName(target)}, which cannot be linked`);
      throw error;
    }
  }

  /** Makes a hard link's target that is not below this folder appear; whether there is one. */
  protected bringTarget(_target: string, _header: TarHeader): boolean {
    return false;
  }

  #makeOverExisting(path: string, header: TarHeader): void {
    const parent = this.root.folder(parentOf(path), header.name);
    const isFolder = statAt(parent, baseOf(path))?.isDirectory() === true;
    if (isFolder && header.type === 'directory') return this.finishLater(path, this.metadataOf(header));
    if (this.options.refuseTypeChange && isFolder !== (header.type === 'directory')) throw typeChange(header, isFolder);
    if (header.type === 'hardlink' && this.#isItself(parent, path, header)) return;
    removeTree(parent, baseOf(path));
    this.root.forget();
    this.dropFolders(path);
    this.#make(this.root.folder(parentOf(path), header.name), path, header);
    if (header.type === 'directory') this.folderReplaced(path);
  }

  /** A hard link to what already is at its place, seen through another name of the folder. */
  #isItself(parent: number, path: string, header: TarHeader): boolean {
    const target = this.#prefix + cleanEntryName(header.linkName ?? '');
    const from = this.root.existing(parentOf(target), header.name);
    const [a, b] = [from === undefined ? undefined : statAt(from, baseOf(target)), statAt(parent, baseOf(path))];
    return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
  }

  /** A new folder took the place of something that was not one. */
  protected folderReplaced(_path: string): void {}

  protected parentMade(path: string, _info: Parameters<ParentMade>[1]): void {
    const owner = this.options.owner ?? { uid: 0, gid: 0 };
    this.finishLater(path, { mode: 0o755, ...this.mapped(owner), mtime: now() });
  }

  /** Sets a folder's metadata at the end; the last entry for it wins. */
  protected finishLater(path: string, metadata: Metadata): void {
    this.#folders.delete(path);
    this.#folders.set(path, metadata);
  }

  protected willFinish(path: string): boolean {
    return this.#folders.has(path);
  }

  /** Whatever was remembered for a path is gone; below it the folders are simply not found later. */
  protected dropFolders(path: string): void {
    this.#folders.delete(path);
  }

  protected metadataOf(header: TarHeader): Metadata {
    const { uid, gid } = this.options.owner ?? this.mapped(header);
    const { mode, mtime, xattrs } = header;
    return xattrs ? { mode, uid, gid, mtime, xattrs } : { mode, uid, gid, mtime };
  }

  protected mapped(ids: { readonly uid: number; readonly gid: number }): { uid: number; gid: number } {
    const { uid, gid } = ids;
    return this.options.mapIds ? this.options.mapIds({ uid, gid }) : { uid, gid };
  }
}

function now(): { sec: number; nsec: number } {
  return { sec: Math.floor(Date.now() / 1000), nsec: 0 };
}

function typeChange(header: TarHeader, isFolder: boolean): LadingError {
  const [what, by] = isFolder ? ['directory', 'non-directory'] : ['non-directory', 'directory'];
  return new LadingError('invalid_argument', `extract ${showName(header.name)}: cannot overwrite ${what} with ${by}`);
}
