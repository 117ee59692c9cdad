import { chmodSync, closeSync, lstatSync, openSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { LadingError, errnoOf } from '../../errors/index.ts';
import { O, RESOLVE, chownAt, closeFd, mkdirAt, openat2 } from '../../sys/index.ts';
import { fsPath, joinPath, nativePath } from '../tree/names.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const MAX_HOPS = 40;
const FOLDER = O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC;
const STRICT = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS;

/**
 * A mounted root file system that is written to. Its links may be hostile: paths are resolved by hand inside it, and every access goes by a
 * resolved path that the kernel is told to follow no link in. Paths are relative, '' is the root. Nothing else writes to it meanwhile.
 */
export class Rootfs implements Disposable {
  readonly #fd: number;

  constructor(mountPoint: string) {
    this.#fd = openSync(mountPoint, O.RDONLY | O.DIRECTORY);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** The path with all links followed, the last too; what does not exist yet stays as written. @throws invalid_argument on a circle of links */
  resolve(path: string): string {
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
      const target = this.#linkTarget(next);
      if (target === undefined) {
        resolved.push(name);
        continue;
      }
      if (++hops > MAX_HOPS) throw new LadingError('invalid_argument', `"/${path}": too many levels of symbolic links`);
      if (target.startsWith('/')) resolved = [];
      pending = [...target.split('/'), ...pending];
    }
    return resolved.join('/');
  }

  /** lstat of a resolved path. */
  stat(path: string): Stats | undefined {
    try {
      return lstatSync(fsPath(this.#pathOf(path)), { throwIfNoEntry: false });
    } catch (error) {
      if (['ENOTDIR', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')) return undefined;
      throw error;
    }
  }

  /** Makes a resolved folder and its missing parents, owned by `owner`. What exists stays as it is. @throws invalid_argument when something else is there */
  ensureFolder(path: string, owner: Owner, mode = 0o755): void {
    if (path === '') return;
    const stat = this.stat(path);
    if (stat?.isDirectory()) return;
    if (stat) throw new LadingError('invalid_argument', `cannot copy to non-directory: /${path}`);
    const folder = posix.dirname(path) === '.' ? '' : posix.dirname(path);
    this.ensureFolder(folder, owner, mode);
    this.within(folder, (fd) => {
      const name = posix.basename(path);
      mkdirAt(fd, nativePath(name), mode);
      // Whatever this process' umask is.
      chmodSync(fsPath(`/proc/self/fd/${fd}/${name}`), mode);
      chownAt(fd, nativePath(name), owner.uid, owner.gid);
    });
  }

  /** Runs `work` with a descriptor of a resolved folder. */
  within<T>(folder: string, work: (fd: number) => T): T {
    const fd = this.openFolder(folder);
    try {
      return work(fd);
    } finally {
      closeFd(fd);
    }
  }

  /** The caller closes it. */
  openFolder(folder: string): number {
    return openat2(this.#fd, nativePath(folder === '' ? '.' : folder), FOLDER, 0, STRICT);
  }

  /** Path for calls that take one, good while this is open. */
  pathOf(path: string): string | Buffer {
    return nativePath(this.#pathOf(path));
  }

  /** A small text file, links followed inside; undefined when there is none. */
  readText(path: string, maxBytes: number): string | undefined {
    const stat = this.stat(this.resolve(path));
    if (!stat?.isFile() || stat.size > maxBytes) return undefined;
    const fd = openat2(
      this.#fd,
      nativePath(this.resolve(path)),
      O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.CLOEXEC,
      0,
      STRICT,
    );
    try {
      return readFileSync(fd, 'utf8');
    } finally {
      closeFd(fd);
    }
  }

  #pathOf(path: string): string {
    return joinPath(`/proc/self/fd/${this.#fd}`, path === '' ? '.' : path);
  }

  #linkTarget(path: string): string | undefined {
    return this.stat(path)?.isSymbolicLink() ? readlinkSync(fsPath(this.#pathOf(path)), 'utf8') : undefined;
  }
}
