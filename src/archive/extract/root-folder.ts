import { closeSync, openSync, readlinkSync } from 'node:fs';
import { LadingError, errnoOf } from '../../errors/index.ts';
import { mkdirAt, O, openat, openat2, RESOLVE, unlinkAt } from '../../sys/index.ts';
import { nativePath, textOfBytes } from '../byte-text.ts';
import { baseOf, parentOf, refuseEntry } from '../entry-name.ts';
import { isWhiteoutStat, pathAt, statAt } from './stat-at.ts';

const CACHED_FOLDERS = 64;
const MAX_LINKS = 40;
const FOLDER = O.PATH | O.DIRECTORY | O.CLOEXEC;
const IN_ROOT = RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS;

/** Told about folders that had to be made because an entry's parent was missing. */
export type ParentMade = (
  path: string,
  info: { readonly replacedWhiteout: boolean; readonly fd: number; readonly base: string },
) => void;

/**
 * A folder inside which names are resolved by the kernel as if it were `/` (openat2 RESOLVE_IN_ROOT): neither symlinks nor `..` lead out,
 * even while another process changes the tree. Everything is then done relative to descriptors of real folders, which are cached by path.
 */
export class RootFolder implements Disposable {
  readonly fd: number;
  readonly #onParentMade: ParentMade;
  /** By path as asked for; oldest first. */
  readonly #folders = new Map<string, number>();
  #lastPath = '';
  #lastFd: number;

  /** @throws not_found when there is no such folder */
  constructor(dir: string, onParentMade: ParentMade) {
    try {
      this.fd = openSync(dir, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
    } catch (error) {
      throw new LadingError('not_found', `extract into "${dir}": it is not a folder`, { cause: error });
    }
    this.#lastFd = this.fd;
    this.#onParentMade = onParentMade;
  }

  /** Descriptor (O_PATH) of the folder at a clean path, made with its parents when missing. Valid until {@link forget} or a few dozen other folders. */
  folder(path: string, entry: string): number {
    if (path === this.#lastPath) return this.#lastFd;
    return this.#remember(path, this.#cached(path) ?? this.#open(path, entry) ?? this.#make(path, entry, 0));
  }

  /** The same, but undefined when it is missing. */
  existing(path: string, entry: string): number | undefined {
    if (path === this.#lastPath) return this.#lastFd;
    const fd = this.#cached(path) ?? this.#open(path, entry);
    return fd === undefined ? undefined : this.#remember(path, fd);
  }

  /** Where a descriptor of this tree really lies, relative to the root. */
  realPathOf(fd: number): string {
    const [root, path] = [this.fd, fd].map((each) => textOfBytes(readlinkSync(`/proc/self/fd/${each}`, 'buffer')));
    return path!.slice(root === '/' ? 1 : root!.length + 1);
  }

  /** To be called whenever a name was taken away or replaced: paths may lead elsewhere now. */
  forget(): void {
    for (const fd of this.#folders.values()) closeSync(fd);
    this.#folders.clear();
    this.#lastPath = '';
    this.#lastFd = this.fd;
  }

  [Symbol.dispose](): void {
    this.forget();
    closeSync(this.fd);
  }

  #cached(path: string): number | undefined {
    return path === '' ? this.fd : this.#folders.get(path);
  }

  #remember(path: string, fd: number): number {
    this.#lastPath = path;
    this.#lastFd = fd;
    if (path === '') return fd;
    this.#folders.delete(path);
    this.#folders.set(path, fd);
    if (this.#folders.size > CACHED_FOLDERS) this.#dropOldest();
    return fd;
  }

  #dropOldest(): void {
    const [path, fd] = this.#folders.entries().next().value!;
    this.#folders.delete(path);
    closeSync(fd);
  }

  /** undefined when a component is missing or is a whiteout. */
  #open(path: string, entry: string): number | undefined {
    for (let attempt = 0; ; attempt++) {
      try {
        return openat2(this.fd, nativePath(path), FOLDER, 0, IN_ROOT);
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
        if (errno === 'ELOOP') refuseEntry(entry, 'its parent is a loop of symlinks');
        if (errno === 'ENAMETOOLONG') refuseEntry(entry, 'its name is too long');
        if (errno !== 'EAGAIN' || attempt > 100) throw error;
      }
    }
  }

  #make(path: string, entry: string, links: number): number {
    if (links > MAX_LINKS) refuseEntry(entry, 'its parent is a loop of symlinks');
    if (path === '') return openat(this.fd, '.', FOLDER);
    const parent = this.#open(parentOf(path), entry) ?? this.#make(parentOf(path), entry, links);
    try {
      return this.#makeIn(parent, path, entry, links);
    } finally {
      closeSync(parent);
    }
  }

  #makeIn(parent: number, path: string, entry: string, links: number): number {
    const base = nativePath(baseOf(path));
    const found = statAt(parent, baseOf(path));
    const isWhiteout = isWhiteoutStat(found);
    if (found?.isDirectory()) return openat(parent, base, FOLDER | O.NOFOLLOW);
    if (found?.isSymbolicLink()) return this.#makeTarget(parent, baseOf(path), entry, links);
    if (found && !isWhiteout) refuseEntry(entry, `its parent ${JSON.stringify(path.toWellFormed())} is not a folder`);
    if (isWhiteout) unlinkAt(parent, base);
    mkdirAt(parent, base, 0o755);
    const fd = openat(parent, base, FOLDER | O.NOFOLLOW);
    this.#onParentMade(path, { replacedWhiteout: isWhiteout, fd, base: baseOf(path) });
    return fd;
  }

  /** The symlink at `base` leads nowhere: makes the folder it points to, seen from the root, part by part since `..` is meant behind symlinks. */
  #makeTarget(parent: number, base: string, entry: string, links: number): number {
    const target = textOfBytes(readlinkSync(pathAt(parent, base), 'buffer'));
    let path = target.startsWith('/') ? '' : this.realPathOf(parent);
    for (const part of target.split('/')) {
      if (part === '..') path = parentOf(path);
      else if (part !== '' && part !== '.')
        path = this.#madeRealPath(path === '' ? part : `${path}/${part}`, entry, links + 1);
    }
    return openat2(this.fd, nativePath(path === '' ? '.' : path), FOLDER, 0, IN_ROOT);
  }

  #madeRealPath(path: string, entry: string, links: number): string {
    const fd = this.#open(path, entry) ?? this.#make(path, entry, links);
    try {
      return this.realPathOf(fd);
    } finally {
      closeSync(fd);
    }
  }
}
