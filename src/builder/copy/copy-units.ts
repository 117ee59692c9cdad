import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  lstatSync,
  openSync,
  readSync,
  writeFileSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { posix } from 'node:path';
import type { IgnoreMatcher } from '../../dockerfile/index.ts';
import { LadingError, errnoOf } from '../../errors/index.ts';
import {
  AT,
  S_IF,
  chownAt,
  closeFd,
  getXattr,
  linkAt,
  listXattrs,
  mkdirAt,
  mknodAt,
  setXattr,
  statxAt,
  symlinkAt,
  unlinkAt,
  utimesAt,
} from '../../sys/index.ts';
import { Turns } from '../tree/file-digests.ts';
import { statOf, type FileStat } from '../tree/file-stat.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { fsPath, joinPath, nativePath } from '../tree/names.ts';
import type { ModeChange } from './mode.ts';
import type { Owner, Rootfs } from './rootfs.ts';
import { parentsOf, walkUnit, type CopyUnit, type WalkEntry } from './select.ts';

export interface CopyOptions {
  /** Owner of what is copied; undefined keeps the source's. */
  readonly owner: Owner | undefined;
  /** Owner of folders made on the way. */
  readonly parentOwner: Owner;
  readonly mode?: ModeChange | undefined;
  /** Permissions of folders made on the way; default 0755. */
  readonly parentMode?: number | undefined;
  readonly exclude?: IgnoreMatcher | undefined;
  /** Attributes too, sockets not: for sources that are root file systems. From contexts a socket comes as an empty file, as in Docker. */
  readonly special: boolean;
  /** Called for a file that is not any more what its digest was made of. */
  readonly onChange?: (path: string) => void;
  /** Modification time of all that is copied, seconds; default: the source's. */
  readonly time?: number | undefined;
  readonly signal?: AbortSignal;
}

const SMALL_BYTES = 256 << 10;
const INLINE_BYTES = 1 << 20;
const COPY_FLAGS = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;

/**
 * Copies units into a root file system by Docker's rules: of a folder its contents; a file into `dest` when that is a folder or ends with "/",
 * else onto it. An existing destination folder keeps its owner and permissions and gets the source folder's time, as in BuildKit (a tree's root has
 * none to give); folders below it get all of the source's metadata.
 * @param dest absolute, with its trailing slash if it had one
 */
export async function copyUnits(
  rootfs: Rootfs,
  dest: string,
  tree: FileTree,
  units: readonly CopyUnit[],
  options: CopyOptions,
): Promise<void> {
  for (const unit of units) {
    options.signal?.throwIfAborted();
    const copier = new Copier(rootfs, tree, options);
    if (unit.parents !== '') copier.makeParents(unit, dest);
    if (unit.stat.type === 'directory') {
      const folder = rootfs.resolve(joinPath(dest, unit.parents));
      rootfs.ensureFolder(folder, options.parentOwner, options.parentMode);
      await copier.copyFolder(unit, folder);
    } else await copier.copyFile(unit, fileTarget(rootfs, dest, unit, options));
  }
}

/** Where a file goes; the folder it goes to exists afterwards. */
function fileTarget(
  rootfs: Rootfs,
  dest: string,
  unit: { name: string; parents: string },
  { parentOwner, parentMode }: Pick<CopyOptions, 'parentOwner' | 'parentMode'>,
): string {
  let target = rootfs.resolve(joinPath(dest, unit.parents));
  if (dest.endsWith('/') || unit.parents !== '') rootfs.ensureFolder(target, parentOwner, parentMode);
  if (rootfs.stat(target)?.isDirectory()) target = joinPath(target, unit.name);
  rootfs.ensureFolder(folderOf(target), parentOwner, parentMode);
  return target;
}

function folderOf(path: string): string {
  const folder = posix.dirname(path);
  return folder === '.' ? '' : folder;
}

/** Takes out the folders on the way to one, itself too, the outermost first. */
function passagesTo(passages: Map<string, WalkEntry>, folder: string): WalkEntry[] {
  const entry = passages.get(folder);
  if (passages.size === 0 || folder === '') return [];
  passages.delete(folder);
  return [...passagesTo(passages, folderOf(folder)), ...(entry ? [entry] : [])];
}

class Copier {
  readonly #rootfs: Rootfs;
  readonly #tree: FileTree;
  readonly #options: CopyOptions;
  readonly #turns = new Turns();
  /** Where the first name of a file with several was copied to. */
  readonly #linked = new Map<bigint, string>();

  constructor(rootfs: Rootfs, tree: FileTree, options: CopyOptions) {
    this.#rootfs = rootfs;
    this.#tree = tree;
    this.#options = options;
  }

  /** --parents: folders that are not there yet are made like those they stand for. */
  makeParents(unit: CopyUnit, dest: string): void {
    const { parentOwner, parentMode, owner } = this.#options;
    this.#rootfs.ensureFolder(this.#rootfs.resolve(dest), parentOwner, parentMode);
    for (const { kept, stat } of parentsOf(this.#tree, unit)) {
      const folder = this.#rootfs.resolve(joinPath(dest, kept));
      if (stat) this.#rootfs.ensureFolder(folder, owner ?? stat, this.#modeOf(stat));
      else this.#rootfs.ensureFolder(folder, parentOwner, parentMode);
    }
  }

  async copyFile(unit: CopyUnit, target: string): Promise<void> {
    for await (const [entry] of walkUnit(this.#tree, unit, this.#options.exclude))
      if (entry) await this.#inFolder(folderOf(target), (fd) => this.#copyEntry(entry, fd, target));
  }

  /** Folders get their times last, when nothing more is written into them. Excluded ones are made when something in them is copied. */
  async copyFolder(unit: CopyUnit, target: string): Promise<void> {
    const folders: WalkEntry[] = [];
    const passages = new Map<string, WalkEntry>();
    const make = (fd: number, entry: WalkEntry): void => {
      this.#makeFolder(fd, joinPath(target, entry.rel));
      folders.push(entry);
    };
    for await (const entries of walkUnit(this.#tree, unit, this.#options.exclude, this.#options.signal)) {
      for (const entry of entries) if (entry.isPassage) passages.set(entry.rel, entry);
      const copied = entries.filter((entry) => !entry.isPassage);
      const first = copied[0];
      if (!first) continue;
      for (const passage of passagesTo(passages, folderOf(first.rel)))
        await this.#inFolder(folderOf(joinPath(target, passage.rel)), async (fd) => make(fd, passage));
      await this.#inFolder(joinPath(target, folderOf(first.rel)).replace(/\/$/, ''), async (fd) => {
        for (const entry of copied) {
          if (entry.stat.type === 'directory') make(fd, entry);
          else await this.#copyEntry(entry, fd, joinPath(target, entry.rel));
          await this.#turns.pause(this.#options.signal);
        }
      });
    }
    for (const { rel, stat, path } of folders.reverse())
      this.#rootfs.within(folderOf(joinPath(target, rel)), (fd) => this.#finish(fd, posix.basename(rel), path, stat));
    if (unit.path !== '' && target !== '')
      this.#rootfs.within(folderOf(target), (fd) =>
        utimesAt(fd, nativePath(posix.basename(target)), this.#timeOf(unit.stat)),
      );
  }

  async #inFolder(folder: string, work: (fd: number) => Promise<void>): Promise<void> {
    const fd = this.#rootfs.openFolder(folder);
    try {
      await work(fd);
    } finally {
      closeFd(fd);
    }
  }

  #makeFolder(fd: number, path: string): void {
    const name = posix.basename(path);
    const existing = statAt(fd, name);
    if (existing?.isDirectory()) return;
    if (existing) throw new LadingError('invalid_argument', `cannot copy to non-directory: /${path}`);
    mkdirAt(fd, nativePath(name), 0o700);
  }

  async #copyEntry({ path, stat }: WalkEntry, fd: number, target: string): Promise<void> {
    const name = posix.basename(target);
    if (stat.type === 'socket' && this.#options.special) return;
    // Mostly nothing is there: a small file finds out by being made.
    const small = isSmall(stat);
    if (!small) makeRoom(fd, name, target);
    if (stat.type === 'file') {
      if (this.#linkEarlier(fd, name, stat, target)) return;
      const place = { path: `/proc/self/fd/${fd}/${name}`, makeRoom: () => makeRoom(fd, name, target) };
      await (small ? this.#copySmall(path, stat, place, this.#modeOf(stat)) : this.#copyBytes(path, stat, place.path));
    } else if (stat.type === 'socket') writeFileSync(fsPath(`/proc/self/fd/${fd}/${name}`), '', { flag: 'wx' });
    else if (stat.type === 'symlink') symlinkAt(nativePath(this.#tree.readLink(path)), fd, nativePath(name));
    else mknodAt(fd, nativePath(name), NODES[stat.type as keyof typeof NODES] | 0o600, stat.rdev);
    this.#finish(fd, name, path, stat);
  }

  #linkEarlier(fd: number, name: string, stat: FileStat, target: string): boolean {
    if (stat.links < 2) return false;
    const earlier = this.#linked.get(stat.inode);
    if (earlier === undefined) {
      this.#linked.set(stat.inode, target);
      return false;
    }
    linkAt(AT.FDCWD, this.#rootfs.pathOf(earlier), fd, nativePath(name));
    return true;
  }

  /** Reading and writing costs a small file half of what the kernel's own ways of copying do. */
  #copySmall(source: string, stat: FileStat, target: NewFile, mode: number): void {
    const from = this.#tree.open(source);
    try {
      const to = openNew(target, mode);
      try {
        // A short read of a regular file is its end.
        for (let length = buffer.length; length === buffer.length;) {
          length = readSync(from, buffer);
          for (let at = 0; at < length;) at += writeSync(to, buffer, at, length - at);
        }
      } finally {
        closeSync(to);
      }
      this.#checkSame(from, source, stat);
    } finally {
      closeSync(from);
    }
  }

  async #copyBytes(source: string, stat: FileStat, target: string): Promise<void> {
    const fd = this.#tree.open(source);
    try {
      const from = `/proc/self/fd/${fd}`;
      if (stat.size <= INLINE_BYTES) copyFileSync(from, fsPath(target), COPY_FLAGS);
      else await copyFile(from, fsPath(target), COPY_FLAGS);
      this.#checkSame(fd, source, stat);
    } finally {
      closeSync(fd);
    }
  }

  #checkSame(fd: number, source: string, stat: FileStat): void {
    const { onChange } = this.#options;
    const now = onChange && statxAt(fd, '');
    if (now && statOf(now).identity !== stat.identity) onChange(source);
  }

  #modeOf({ mode, type }: FileStat): number {
    return this.#options.mode ? this.#options.mode(mode, type === 'directory') : mode;
  }

  /** Owner first: changing it takes set-id bits and capabilities away. */
  #finish(fd: number, name: string, source: string, stat: FileStat): void {
    const { owner = stat, special } = this.#options;
    chownAt(fd, nativePath(name), owner.uid, owner.gid);
    if (stat.type !== 'symlink') {
      const mode = this.#modeOf(stat);
      if (!(isSmall(stat) && isGivenAtOnce(mode))) chmodSync(fsPath(`/proc/self/fd/${fd}/${name}`), mode);
      if (special) copyXattrs(this.#tree.nativePathOf(source), nativePath(`/proc/self/fd/${fd}/${name}`));
    }
    utimesAt(fd, nativePath(name), this.#timeOf(stat));
  }

  #timeOf({ mtimeNs }: FileStat): { sec: number; nsec: number } {
    const { time } = this.#options;
    return time === undefined ? timeOf(mtimeNs) : { sec: time, nsec: 0 };
  }
}

const buffer = Buffer.allocUnsafe(SMALL_BYTES);

/** Copied by reading and writing. Files with several names may be linked instead. */
function isSmall({ type, size, links }: FileStat): boolean {
  return type === 'file' && size <= SMALL_BYTES && links < 2;
}

/** A file that is not there yet; `makeRoom` takes away what is. */
interface NewFile {
  readonly path: string;
  makeRoom(): void;
}

function openNew({ path, makeRoom }: NewFile, mode: number): number {
  const open = (): number => openSync(fsPath(path), 'wx', isGivenAtOnce(mode) ? mode : 0o600);
  try {
    return open();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    makeRoom();
    return open();
  }
}

const umask = process.umask();

/** Whether a new file gets these permissions without a chmod. */
function isGivenAtOnce(mode: number): boolean {
  return (mode & ~0o777) === 0 && (mode & umask) === 0;
}

const NODES = { fifo: S_IF.FIFO, char: S_IF.CHR, block: S_IF.BLK } as const;

function statAt(fd: number, name: string): Stats | undefined {
  return lstatSync(fsPath(`/proc/self/fd/${fd}/${name}`), { throwIfNoEntry: false });
}

/** A file or link replaces what is there, except a folder. */
function makeRoom(fd: number, name: string, target: string): void {
  const existing = statAt(fd, name);
  if (existing?.isDirectory())
    throw new LadingError('invalid_argument', `cannot replace to directory /${target} with file`);
  if (existing) unlinkAt(fd, nativePath(name));
}

function timeOf(ns: bigint): { sec: number; nsec: number } {
  const nsec = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return { sec: Number((ns - nsec) / 1_000_000_000n), nsec: Number(nsec) };
}

/** What belongs to the file's meaning; overlay's own marks and security labels do not. */
export function copiedXattrs(path: string | Buffer): (readonly [name: string, value: Buffer])[] {
  return listXattrs(path).flatMap((name) => {
    if (!name.startsWith('user.') && name !== 'security.capability' && !name.startsWith('system.posix_acl_')) return [];
    const value = getXattr(path, name);
    return value ? [[name, value] as const] : [];
  });
}

function copyXattrs(from: string | Buffer, to: string | Buffer): void {
  for (const [name, value] of copiedXattrs(from)) setXattr(to, name, value);
}
