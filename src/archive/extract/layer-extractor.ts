import { closeSync, openSync, readlinkSync, readSync } from 'node:fs';
import { errnoOf } from '../../errors/index.ts';
import { devMajor, devMinor, getXattr, listXattrs, mknodAt, O, S_IF, setXattr, unlinkAt } from '../../sys/index.ts';
import { fsPath, nativePath, textOfBytes } from '../byte-text.ts';
import { refuseEntry } from '../entry-name.ts';
import type { EntryType, TarHeader } from '../tar/header.ts';
import { Extractor, type ExtractorOptions } from './extractor.ts';
import { LayerStack, type Found } from './layer-stack.ts';
import { isRefusedXattr, type Metadata } from './metadata.ts';
import { isWhiteoutStat, nativePathAt, statAt } from './stat-at.ts';
import { whiteoutOf } from './whiteout.ts';

export interface LayerExtractorOptions extends ExtractorOptions {
  /** Committed layers below, topmost first. */
  readonly lowerDirs: readonly string[];
}

const OPAQUE = 'trusted.overlay.opaque';
const COPY_BYTES = 1 << 20;

/**
 * Applies a layer to an empty folder that becomes a layer of an overlay: deletions become overlayfs's markers.
 * Everything found in the folder was made by this layer, so a whiteout (which speaks of the layers below only) never removes it.
 */
export class LayerExtractor extends Extractor {
  readonly #lowers: LayerStack;
  readonly #hasLowers: boolean;
  /** This folder on top of the lower ones. */
  readonly #all: LayerStack;
  readonly #whiteouts: { readonly folder: string; readonly name: string }[] = [];
  readonly #opaque = new Set<string>();
  #rootIsOpaque = false;

  constructor(options: LayerExtractorOptions) {
    super(options);
    this.#hasLowers = options.lowerDirs.length > 0;
    this.#lowers = new LayerStack(options.lowerDirs);
    this.#all = new LayerStack([options.dir, ...options.lowerDirs]);
  }

  protected override rootEntry(header: TarHeader): void {
    this.finishLater('', this.metadataOf(header));
  }

  protected override place(path: string, header: TarHeader): void {
    const whiteout = whiteoutOf(path);
    if (whiteout.kind === 'none') super.place(path, header);
    else if (whiteout.kind === 'opaque') this.#hideLower(whiteout.folder, header.name);
    else if (whiteout.kind === 'remove') this.#hide(whiteout.folder, whiteout.name, header.name);
  }

  #hide(folder: string, name: string, entry: string): void {
    const fd = this.root.folder(folder, entry);
    try {
      mknodAt(fd, nativePath(name), S_IF.CHR, 0n);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      if (statAt(fd, name)?.isDirectory())
        this.#markOpaque(this.root.folder(folder === '' ? name : `${folder}/${name}`, entry));
      return;
    }
    this.#whiteouts.push({ folder, name });
  }

  #hideLower(folder: string, entry: string): void {
    const fd = this.root.folder(folder, entry);
    if (fd === this.root.fd) this.#rootIsOpaque = true;
    else this.#markOpaque(fd);
  }

  #markOpaque(fd: number): void {
    setXattr(nativePathAt(fd, '.'), OPAQUE, Buffer.from('y'));
    this.#opaque.add(this.root.realPathOf(fd));
  }

  /** What the folder replaced hid everything below, so the folder must too. */
  protected override folderReplaced(path: string): void {
    if (this.#hasLowers) this.#markOpaque(this.root.folder(path, path));
  }

  protected override parentMade(path: string, info: { replacedWhiteout: boolean; fd: number; base: string }): void {
    const found = info.replacedWhiteout ? undefined : this.#lowerFolder(path);
    if (info.replacedWhiteout) this.#markOpaque(info.fd);
    if (found) this.finishLater(path, metadataOfFound(found));
    else super.parentMade(path, info);
  }

  /** The folder this path names in the layers below, unless this layer hides it. */
  #lowerFolder(path: string): Found | undefined {
    const slash = path.lastIndexOf('/');
    if (slash > 0 && this.#opaque.size > 0 && this.#isUnderOpaque(path)) return undefined;
    const found = this.#lowers.find(path);
    return found?.stats.isDirectory() ? found : undefined;
  }

  #isUnderOpaque(path: string): boolean {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1))
      if (this.#opaque.has(path.slice(0, slash))) return true;
    return false;
  }

  /** Copies a hard link's target up from a lower layer, as an entry of its own. */
  protected override bringTarget(target: string, header: TarHeader): boolean {
    const found = this.#all.find(target);
    if (!found) return false;
    if (found.stats.isDirectory()) refuseEntry(header.name, 'it is a hard link to a folder');
    const copied = headerOfFound(found, target);
    if (!copied) return false;
    super.place(target, copied);
    if (copied.type === 'file') this.#copyContent(found.path);
    return true;
  }

  #copyContent(path: string): void {
    const fd = openSync(fsPath(path), O.RDONLY | O.NOFOLLOW | O.CLOEXEC);
    try {
      const buffer = Buffer.allocUnsafe(COPY_BYTES);
      let offset = 0;
      for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) {
        this.data(buffer.subarray(0, read), offset);
        offset += read;
      }
    } finally {
      closeSync(fd);
    }
    this.entryEnd();
  }

  override finish(): void {
    if (this.#rootIsOpaque) this.#hideLowerRoot();
    this.#dropWhiteoutsInOpaque();
    const lowerRoot = this.#hasLowers && !this.willFinish('') ? this.#lowers.find('') : undefined;
    if (lowerRoot) this.finishLater('', metadataOfFound(lowerRoot));
    super.finish();
  }

  /** overlayfs ignores an opaque mark on the root of a layer: everything below is hidden name by name. */
  #hideLowerRoot(): void {
    for (const name of this.#lowers.names('')) this.#hide('', name, name);
  }

  /** In a folder that is not merged overlayfs would list whiteouts as files. */
  #dropWhiteoutsInOpaque(): void {
    if (this.#opaque.size === 0) return;
    for (const { folder, name } of this.#whiteouts) {
      const fd = this.root.existing(folder, folder);
      if (fd === undefined || !this.#isUnderOpaque(`${this.root.realPathOf(fd)}/${name}`)) continue;
      if (isWhiteoutStat(statAt(fd, name))) unlinkAt(fd, nativePath(name));
    }
  }
}

function metadataOfFound({ path, stats }: Found): Metadata {
  const mtime = { sec: Number(stats.mtimeNs / 1_000_000_000n), nsec: Number(stats.mtimeNs % 1_000_000_000n) };
  if (mtime.nsec < 0) Object.assign(mtime, { sec: mtime.sec - 1, nsec: mtime.nsec + 1_000_000_000 });
  const xattrs = new Map<string, Buffer>();
  for (const name of listXattrs(nativePath(path))) {
    const value = isRefusedXattr(name) ? undefined : getXattr(nativePath(path), name);
    if (value) xattrs.set(name, value);
  }
  return { mode: Number(stats.mode) & 0o7777, uid: Number(stats.uid), gid: Number(stats.gid), mtime, xattrs };
}

function headerOfFound(found: Found, name: string): TarHeader | undefined {
  const { stats, path } = found;
  const type = typeOf(found);
  if (!type) return undefined;
  const link = type === 'symlink' ? textOfBytes(readlinkSync(fsPath(path), 'buffer')) : undefined;
  return {
    name,
    type,
    size: type === 'file' ? Number(stats.size) : 0,
    ...metadataOfFound(found),
    ...(link === undefined ? undefined : { linkName: link }),
    devMajor: devMajor(stats.rdev),
    devMinor: devMinor(stats.rdev),
  };
}

function typeOf({ stats }: Found): EntryType | undefined {
  if (stats.isFile()) return 'file';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isCharacterDevice()) return 'char';
  if (stats.isBlockDevice()) return 'block';
  return stats.isFIFO() ? 'fifo' : undefined;
}
