import {
  closeSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  type BigIntStats,
} from 'node:fs';
import { errnoOf, LadingError, toLadingError } from '../../errors/index.ts';
import { getXattr, listXattrs, O, setXattr } from '../../sys/index.ts';
import { fsPath, nativePath, textOfLatin1 } from '../byte-text.ts';
import { isOpaqueFolder, LayerStack } from '../extract/layer-stack.ts';
import { finishFolder, isRefusedXattr, type Metadata } from '../extract/metadata.ts';
import { MAX_DEPTH, removeTree } from '../extract/remove-tree.ts';
import { isWhiteoutStat } from '../extract/stat-at.ts';

export interface MergeLayersJob {
  /** Folders of committed layers, bottom first. Only read. */
  readonly layerDirs: readonly string[];
  /** Layers that stay below the result, topmost first: what they do not have needs no deletion. */
  readonly lowerDirs: readonly string[];
  /** Existing empty folder on the same file system. */
  readonly targetDir: string;
}

const OPAQUE = 'trusted.overlay.opaque';

/** What a folder of the result gets at the end: where its metadata is, and whether it hides what is below. */
interface FolderState {
  source: string;
  opaque: boolean;
}

/**
 * Lays layers of an overlay on one another, in this thread: `targetDir` becomes one layer that does what they do together, with overlayfs's
 * markers for deletions. Files are hard links to the layers' own, so that nothing is copied: the result is for reading alone, and for a short while.
 */
export async function mergeLayersHere(job: MergeLayersJob, checkStop: () => void): Promise<null> {
  try {
    using merge = new LayerMerge(job, checkStop);
    for (const dir of job.layerDirs) merge.layer(dir);
    merge.finish();
    return null;
  } catch (error) {
    throw toLadingError(error, 'merge layers');
  }
}

class LayerMerge implements Disposable {
  readonly #target: string;
  readonly #root: number;
  readonly #lowers: LayerStack;
  readonly #checkStop: () => void;
  readonly #folders = new Map<string, FolderState>();

  constructor({ targetDir, lowerDirs }: MergeLayersJob, checkStop: () => void) {
    this.#target = targetDir;
    this.#root = openSync(fsPath(targetDir), O.RDONLY | O.DIRECTORY | O.CLOEXEC);
    this.#lowers = new LayerStack(lowerDirs);
    this.#checkStop = checkStop;
  }

  [Symbol.dispose](): void {
    closeSync(this.#root);
  }

  layer(dir: string): void {
    this.#folder(dir, '', 0);
  }

  /** Folders' metadata, when nothing more is written into them: the topmost layer's that has the folder. Deepest first. */
  finish(): void {
    const paths = [...this.#folders.keys()].sort().reverse();
    for (const path of paths) {
      const state = this.#folders.get(path)!;
      const full = this.#at(path);
      if (statOf(full)?.isDirectory() !== true) continue;
      if (state.opaque) setXattr(nativePath(full), OPAQUE, Buffer.from('y'));
      const fd = openSync(fsPath(full), O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC);
      try {
        finishFolder(fd, '.', metadataOf(state.source));
      } finally {
        closeSync(fd);
      }
    }
  }

  #at(path: string): string {
    return path === '' ? this.#target : `${this.#target}/${path}`;
  }

  /** One layer's folder over what the layers below it made of the same path. */
  #folder(source: string, path: string, depth: number): void {
    this.#checkStop();
    if (depth > MAX_DEPTH)
      throw new LadingError('invalid_argument', `merge layers: a folder is deeper than ${MAX_DEPTH} levels`);
    this.#folders.set(path, { source, opaque: this.#folders.get(path)?.opaque ?? false });
    for (const raw of readdirSync(fsPath(source), 'latin1')) {
      const name = textOfLatin1(raw);
      this.#entry(`${source}/${name}`, path === '' ? name : `${path}/${name}`, depth);
    }
  }

  #entry(source: string, path: string, depth: number): void {
    const stats = statOf(source);
    if (!stats) return;
    const full = this.#at(path);
    const below = statOf(full);
    if (stats.isDirectory()) {
      const hides = isOpaqueFolder(source);
      // Whatever stood here hid all that is below the merged layers.
      if (!below?.isDirectory() || hides) {
        this.#remove(path);
        mkdirSync(fsPath(full), 0o700);
        this.#folders.set(path, { source, opaque: (hides || below !== undefined) && this.#isBelow(path, true) });
      }
      return this.#folder(source, path, depth + 1);
    }
    this.#remove(path);
    if (!isWhiteoutStat(stats) || this.#isBelow(path, false)) link(source, full, stats);
  }

  /** Whether the layers below have something (or a folder) there that shows through: else nothing needs hiding, and overlayfs would list the marker. */
  #isBelow(path: string, folder: boolean): boolean {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1))
      if (this.#folders.get(path.slice(0, slash))?.opaque === true) return false;
    const found = this.#lowers.find(path);
    return found !== undefined && (!folder || found.stats.isDirectory());
  }

  #remove(path: string): void {
    if (!statOf(this.#at(path))) return;
    removeTree(this.#root, path);
    const below = `${path}/`;
    for (const known of this.#folders.keys())
      if (known === path || known.startsWith(below)) this.#folders.delete(known);
  }
}

/** A second name; a copy only where file systems differ, and for plain files. */
function link(source: string, target: string, stats: BigIntStats): void {
  try {
    linkSync(fsPath(source), fsPath(target));
  } catch (error) {
    if (!['EXDEV', 'EMLINK'].includes(errnoOf(error) ?? '') || !stats.isFile()) throw error;
    copyFileSync(fsPath(source), fsPath(target));
  }
}

function statOf(path: string): BigIntStats | undefined {
  return lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
}

function metadataOf(folder: string): Metadata {
  const stats = statSync(fsPath(folder), { bigint: true });
  const sec = Number(stats.mtimeNs / 1_000_000_000n);
  const xattrs = new Map<string, Buffer>();
  for (const name of listXattrs(nativePath(folder))) {
    const value = isRefusedXattr(name) ? undefined : getXattr(nativePath(folder), name);
    if (value) xattrs.set(name, value);
  }
  const mtime = { sec, nsec: Number(stats.mtimeNs - BigInt(sec) * 1_000_000_000n) };
  return { mode: Number(stats.mode) & 0o7777, uid: Number(stats.uid), gid: Number(stats.gid), mtime, xattrs };
}
