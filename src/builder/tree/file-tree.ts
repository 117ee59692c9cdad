import { closeSync, openSync, readlinkSync } from 'node:fs';
import type { IgnoreMatcher } from '../../dockerfile/index.ts';
import { LadingError, errnoOf } from '../../errors/index.ts';
import { O, RESOLVE, openat2, statxAt } from '../../sys/index.ts';
import { statOf, type FileStat } from './file-stat.ts';
import { fsPath, joinPath, namesIn, nativePath } from './names.ts';

const MAX_HOPS = 40;
/** Beyond, a huge context costs system calls instead of memory. */
const MAX_REMEMBERED = 150_000;

/**
 * Files below a folder, as a build may see them: paths are relative ('' is the root), links never lead outside, what is ignored does not exist.
 * What was looked up is remembered: whoever reads a file later can tell that it changed.
 */
export class FileTree implements Disposable {
  readonly #fd: number;
  readonly #base: string;
  readonly #ignore: IgnoreMatcher | undefined;
  readonly #stats = new Map<string, FileStat | undefined>();
  readonly #names = new Map<string, readonly string[]>();
  readonly root: string;

  constructor(root: string, ignore?: IgnoreMatcher) {
    this.root = root;
    this.#fd = openSync(root, O.RDONLY | O.DIRECTORY);
    this.#base = `/proc/self/fd/${this.#fd}`;
    this.#ignore = ignore;
  }

  /** Whether ignore rules hide something: then the folder itself must not be shown to a step. */
  get hasRules(): boolean {
    return this.#ignore !== undefined;
  }

  get ignore(): IgnoreMatcher | undefined {
    return this.#ignore;
  }

  /** Whether there is something at a path, ignored or not. */
  has(path: string): boolean {
    return this.#rawStat(path) !== undefined;
  }

  /** Of the path itself, not where a link leads. undefined when there is nothing, or it is ignored. */
  stat(path: string): FileStat | undefined {
    const known = this.#stats.get(path);
    if (known || this.#stats.has(path)) return known;
    const stat = this.#visibleStat(path);
    if (this.#stats.size < MAX_REMEMBERED) this.#stats.set(path, stat);
    return stat;
  }

  /** The ignore pattern that hides what is there; undefined when it is visible, or is not there. */
  hiddenBy(path: string): string | undefined {
    if (!this.#ignore || !this.#rawStat(path) || this.stat(path)) return undefined;
    return this.#ignore.patternFor(path);
  }

  /** Visible names in a folder, sorted. */
  names(folder: string): readonly string[] {
    const known = this.#names.get(folder);
    if (known) return known;
    const names = this.#visibleNames(folder);
    if (this.#names.size < MAX_REMEMBERED) this.#names.set(folder, names);
    return names;
  }

  /** Whether something is not any more what was found at first: another file, other bytes, other names in a folder. */
  hasChanged(path: string, stat: FileStat): boolean {
    const now = this.#rawStat(path);
    if (!now || now.type !== stat.type || now.mode !== stat.mode) return true;
    if (now.type !== 'directory') return now.identity !== stat.identity;
    const known = this.#names.get(path);
    return known !== undefined && known.join('/') !== this.#visibleNames(path).join('/');
  }

  readLink(path: string): string {
    return readlinkSync(fsPath(this.#pathOf(path)), 'utf8');
  }

  /**
   * The path with every link in it followed inside the tree, the last one too; undefined when something on the way is missing or ignored.
   * @throws invalid_argument when links lead in circles
   */
  resolve(path: string): string | undefined {
    let pending = path.split('/');
    let resolved: string[] = [];
    for (let hops = 0; pending.length > 0;) {
      const name = pending.shift()!;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        resolved.pop();
        continue;
      }
      const next = [...resolved, name].join('/');
      const stat = this.#rawStat(next);
      if (!stat) return undefined;
      if (stat.type !== 'symlink') {
        resolved.push(name);
        continue;
      }
      if (++hops > MAX_HOPS) throw new LadingError('invalid_argument', `"/${path}": too many levels of symbolic links`);
      const target = this.readLink(next);
      if (target.startsWith('/')) resolved = [];
      pending = [...target.split('/'), ...pending];
    }
    const result = resolved.join('/');
    return this.stat(result) ? result : undefined;
  }

  /** Opens a resolved path for reading; the caller closes it. No link is followed. */
  open(path: string): number {
    const flags = O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.CLOEXEC;
    try {
      return openat2(this.#fd, nativePath(path === '' ? '.' : path), flags, 0, RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS);
    } catch (error) {
      throw changed(path, error);
    }
  }

  /** Host path of a resolved path, good while the tree is open. */
  hostPath(path: string): string {
    return path === '' ? this.root : `${this.root}/${path}`;
  }

  /** For extended attributes. */
  nativePathOf(path: string): string | Buffer {
    return nativePath(this.#pathOf(path));
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #pathOf(path: string): string {
    return path === '' ? `${this.#base}/.` : `${this.#base}/${path}`;
  }

  #visibleNames(folder: string): readonly string[] {
    const all = this.#namesIn(folder);
    return this.#ignore ? all.filter((name) => this.stat(joinPath(folder, name)) !== undefined) : all;
  }

  #namesIn(folder: string): string[] {
    try {
      return namesIn(this.#pathOf(folder));
    } catch (error) {
      throw changed(folder, error);
    }
  }

  #rawStat(path: string): FileStat | undefined {
    const words = statxAt(this.#fd, nativePath(path === '' ? '.' : path));
    return words && statOf(words);
  }

  #visibleStat(path: string): FileStat | undefined {
    const stat = this.#rawStat(path);
    if (!stat || path === '' || !this.#ignore?.ignores(path)) return stat;
    // An ignored folder exists when something below it is included again.
    if (stat.type !== 'directory' || !this.#ignore.mayContainIncluded(path)) return undefined;
    return this.names(path).length > 0 ? stat : undefined;
  }
}

/** What was there when it was looked at is not any more, or is something else. */
function changed(path: string, error: unknown): unknown {
  const errno = errnoOf(error);
  if (!['ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV', 'ENXIO', 'EISDIR', 'ESTALE'].includes(errno ?? '')) return error;
  return new LadingError('conflict', `"/${path}" changed while the build read it: ${errno}`, {
    cause: error,
    hint: 'leave what changes out with .dockerignore, or build when nothing writes to it',
  });
}
