import { closeSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { errnoOf, LadingError } from '../../errors/index.ts';
import { listXattrs, O, openat } from '../../sys/index.ts';
import { nativePath, textOfBytes, textOfLatin1 } from '../byte-text.ts';
import { showName } from '../entry-name.ts';
import { MAX_DEPTH } from '../extract/remove-tree.ts';
import { isWhiteoutStat, nativePathAt, pathAt } from '../extract/stat-at.ts';
import { OPAQUE_MARKER, WHITEOUT_PREFIX } from '../extract/whiteout.ts';
import { encodeHeader, END_OF_ARCHIVE } from '../tar/encode-header.ts';
import { paddingOf, type EntryType, type TarHeader } from '../tar/header.ts';
import { entryHeader, secondsOf, statEntry, typeOfStats, type EntryStats } from './entry-header.ts';
import type { LayerTimes } from './layer-times.ts';
import { overlayMarkersAt, overlayMarkersOf, type OverlayMarkers } from './overlay-markers.ts';

/**
 * Whether an entry goes into the archive. `path` is relative to the packed folder, without a closing slash.
 * `false` leaves out what is below a folder too, `'descend'` only the folder itself.
 */
export type PackFilter = (path: string, type: EntryType) => boolean | 'descend';

export interface PackOptions {
  /** Translate overlayfs's markers to a layer's, as in an upper folder. */
  readonly overlay?: boolean;
  readonly filter?: PackFilter;
  /** Latest modification time in seconds; later ones become it. */
  readonly clampMtime?: number;
  /** Decides about the times instead, and writes what it decides to the folder too. */
  readonly times?: LayerTimes;
  /** Each chunk may be overwritten when the next one is asked for. */
  readonly reuseBuffer?: boolean;
}

const CHUNK_BYTES = 256 * 1024;

interface OpenFolder {
  readonly fd: number;
  /** Inside the archive, with a closing slash; '' at the top. */
  readonly name: string;
  /** For the filter. */
  readonly path: string;
  readonly names: readonly string[];
  next: number;
}

/**
 * A tree as tar, in order of the names' bytes, folders before what is in them. Everything is opened relative to the folder it was found in
 * and no symlink is followed, so that a tree somebody is changing cannot lead outside. Sockets are left out, second names of a file become hard links.
 * Times are whole seconds. The chunks come from one synchronous generator: the reader decides when to go on.
 */
export class TreePacker implements Disposable {
  readonly #options: PackOptions;
  readonly #folders: OpenFolder[] = [];
  readonly #firstNames = new Map<string, string>();
  /** What the packed folder takes on disk: allocated bytes and inodes, hard links once, the top folder itself not counted. */
  readonly usage = { sizeBytes: 0, inodes: 0 };
  #chunk: Buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  #length = 0;

  constructor(options: PackOptions = {}) {
    this.#options = options;
  }

  [Symbol.dispose](): void {
    for (const folder of this.#folders.splice(0)) closeSync(folder.fd);
  }

  /** What is in an open folder (the caller's), without an entry for the folder itself. */
  *folder(fd: number): Generator<Buffer, void, undefined> {
    try {
      const opaque = this.#options.overlay === true && overlayMarkersAt(fd, '.').opaque;
      if (opaque) yield* this.#put(encodeHeader(markerHeader(OPAQUE_MARKER)));
      this.#enter(fd, '.', '', '');
      yield* this.#drain();
      yield* this.#finish();
    } finally {
      this[Symbol.dispose]();
    }
  }

  /** `base` of an open folder, under another name, with everything in it. */
  *tree(fd: number, base: string, name: string): Generator<Buffer, void, undefined> {
    try {
      const stats = statEntry(fd, base);
      if (stats) yield* this.#entry(fd, base, name, '', stats);
      yield* this.#drain();
      yield* this.#finish();
    } finally {
      this[Symbol.dispose]();
    }
  }

  *#drain(): Generator<Buffer, void, undefined> {
    for (let folder = this.#folders.at(-1); folder; folder = this.#folders.at(-1)) {
      const base = folder.names[folder.next++];
      if (base === undefined) closeSync(this.#folders.pop()!.fd);
      else {
        const stats = statEntry(folder.fd, base);
        const path = folder.path === '' ? base : `${folder.path}/${base}`;
        if (stats) yield* this.#entry(folder.fd, base, folder.name + base, path, stats);
      }
    }
  }

  *#finish(): Generator<Buffer, void, undefined> {
    yield* this.#put(END_OF_ARCHIVE);
    if (this.#length > 0) yield this.#chunk.subarray(0, this.#length);
  }

  *#entry(fd: number, base: string, name: string, path: string, stats: EntryStats): Generator<Buffer, void, undefined> {
    this.#count(stats);
    if (this.#options.overlay && isWhiteoutStat(stats))
      return yield* this.#put(encodeHeader(whiteoutHeader(name, base)));
    const type = typeOfStats(stats);
    if (!type) return;
    const verdict = this.#options.filter?.(path, type) ?? true;
    if (verdict === false) return;
    const xattrs = listXattrs(nativePathAt(fd, base));
    const markers = this.#options.overlay ? this.#checkedMarkers(fd, base, name, type, xattrs) : undefined;
    if (verdict === true) yield* this.#member(fd, base, name, type, stats, xattrs);
    if (markers?.opaque) yield* this.#put(encodeHeader(markerHeader(`${name}/${OPAQUE_MARKER}`)));
    if (type === 'directory') this.#enter(fd, base, `${name}/`, path);
  }

  #checkedMarkers(
    fd: number,
    base: string,
    name: string,
    type: EntryType,
    xattrs: readonly string[],
  ): OverlayMarkers | undefined {
    if (base.startsWith(WHITEOUT_PREFIX))
      throw new LadingError(
        'invalid_argument',
        `write layer: the name ${showName(name)} would mean a deletion in a layer`,
        {
          hint: 'rename the file, or keep it in a volume',
        },
      );
    if (type !== 'directory' && type !== 'file') return undefined;
    const markers = overlayMarkersOf(nativePathAt(fd, base), xattrs);
    if (markers.elsewhere)
      throw new LadingError(
        'internal',
        `write layer: the content of ${showName(name)} lies in a lower layer (redirect_dir or metacopy)`,
      );
    return markers;
  }

  *#member(
    fd: number,
    base: string,
    name: string,
    type: EntryType,
    stats: EntryStats,
    xattrs: readonly string[],
  ): Generator<Buffer, void, undefined> {
    const path = nativePathAt(fd, base);
    const header = entryHeader({ path, xattrs }, name, type, stats, this.#secondsOf(fd, base, stats));
    const first = type === 'directory' || stats.nlink === 1n ? undefined : this.#firstNameOf(stats, name);
    if (first !== undefined)
      return yield* this.#put(encodeHeader({ ...header, type: 'hardlink', linkName: first, size: 0 }));
    if (type === 'symlink') return yield* this.#symlink(fd, base, header);
    if (type !== 'file' || header.size === 0) return yield* this.#put(encodeHeader(header));
    yield* this.#file(fd, base, header);
  }

  #secondsOf(fd: number, base: string, stats: EntryStats): number {
    const { times, clampMtime } = this.#options;
    if (times) return times.settle(fd, base, stats.mtimeNs);
    return Math.min(secondsOf(stats.mtimeNs), clampMtime ?? Infinity);
  }

  #count(stats: EntryStats): void {
    if (stats.nlink > 1n && !stats.isDirectory() && this.#firstNames.has(inodeKey(stats))) return;
    this.usage.sizeBytes += Number(stats.blocks) * BLOCK_BYTES;
    this.usage.inodes++;
  }

  /** The name under which this file already is in the archive. */
  #firstNameOf(stats: EntryStats, name: string): string | undefined {
    const key = inodeKey(stats);
    const first = this.#firstNames.get(key);
    if (first === undefined) this.#firstNames.set(key, name);
    return first;
  }

  *#symlink(fd: number, base: string, header: TarHeader): Generator<Buffer, void, undefined> {
    const linkName = textOfBytes(readlinkSync(pathAt(fd, base), 'buffer'));
    yield* this.#put(encodeHeader({ ...header, linkName }));
  }

  *#file(folder: number, base: string, header: TarHeader): Generator<Buffer, void, undefined> {
    const fd = openat(folder, nativePath(base), O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.CLOEXEC);
    try {
      yield* this.#put(encodeHeader(header));
      for (let left = header.size; left > 0;) {
        if (this.#length === this.#chunk.length) yield* this.#flush();
        const read = readSync(fd, this.#chunk, this.#length, Math.min(left, this.#chunk.length - this.#length), null);
        if (read === 0)
          throw new LadingError('conflict', `read ${showName(header.name)}: it became shorter while it was read`);
        this.#length += read;
        left -= read;
      }
    } finally {
      closeSync(fd);
    }
    yield* this.#put(PADDING.subarray(0, paddingOf(header.size)));
  }

  #enter(fd: number, base: string, name: string, path: string): void {
    if (this.#folders.length > MAX_DEPTH)
      throw new LadingError('invalid_argument', `read ${showName(name)}: it is deeper than ${MAX_DEPTH} levels`);
    const folder = openFolder(fd, base);
    if (folder === undefined) return;
    this.#folders.push({ fd: folder, name, path, names: sortedNames(folder), next: 0 });
  }

  /** Only what does not fit makes a chunk. */
  *#put(bytes: Buffer): Generator<Buffer, void, undefined> {
    for (let at = 0; at < bytes.length;) {
      if (this.#length === this.#chunk.length) yield* this.#flush();
      const copied = bytes.copy(this.#chunk, this.#length, at);
      this.#length += copied;
      at += copied;
    }
  }

  *#flush(): Generator<Buffer, void, undefined> {
    yield this.#chunk.subarray(0, this.#length);
    this.#length = 0;
    if (!this.#options.reuseBuffer) this.#chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  }
}

const PADDING = Buffer.alloc(512);
/** stat's unit, whatever the file system's is. */
const BLOCK_BYTES = 512;

function inodeKey(stats: EntryStats): string {
  return `${stats.dev}:${stats.ino}`;
}

/** undefined when it was removed or replaced meanwhile. */
function openFolder(fd: number, base: string): number | undefined {
  try {
    return openat(fd, nativePath(base), O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** latin1 has one character for each byte, so sorting by characters is sorting by bytes. */
function sortedNames(fd: number): string[] {
  return readdirSync(`/proc/self/fd/${fd}`, 'latin1').sort().map(textOfLatin1);
}

function whiteoutHeader(name: string, base: string): TarHeader {
  return markerHeader(`${name.slice(0, name.length - base.length)}${WHITEOUT_PREFIX}${base}`);
}

/** Markers carry no metadata: time 0 like containerd's. */
function markerHeader(name: string): TarHeader {
  return { name, type: 'file', mode: 0, uid: 0, gid: 0, size: 0, mtime: { sec: 0, nsec: 0 } };
}
