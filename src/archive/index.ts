import type { DiffID } from '../oci/index.ts';
import type { ApplyResult } from './extract/apply-layer.ts';
import type { CompressResult } from './compression/compress-here.ts';
import type { TimesFound, TimesOptions } from './pack/layer-times.ts';
import type { WriteLayerResult } from './pack/write-layer.ts';
import { runInWorker } from './worker/pool.ts';

export type { DataRun, EntryTime, EntryType, TarHeader } from './tar/header.ts';
export type { EncodeOptions } from './tar/encode-header.ts';
export { readTar, type ReadTarOptions, type TarEntry } from './tar/read-tar.ts';
export { TarWriter } from './tar/tar-writer.ts';
export { extractTar, type ExtractOptions, type ExtractResult } from './extract/extract-tar.ts';
export { tarTree, type TarTreeOptions } from './pack/tar-tree.ts';
export type { PackFilter } from './pack/tree-packer.ts';
export { changesOfUpper, type Change, type ChangesOptions } from './pack/changes.ts';
export { detectCompression, MAGIC_BYTES, type ArchiveCompression } from './compression/detect.ts';
export { decompressStream } from './compression/decompress.ts';
export { autoDecompress } from './compression/auto-decompress.ts';
export { bytesOfText, textOfBytes } from './byte-text.ts';
export { spawnArchiveWorker } from './worker/pool.ts';
export type { ApplyResult, CompressResult, TimesFound, WriteLayerResult };

export interface ApplyOptions {
  /** Existing empty folder that becomes the layer. */
  readonly dir: string;
  /** Committed layers below, topmost first: for the metadata of parents the layer does not bring, and hard links to lower files. */
  readonly lowerDirs: readonly string[];
  readonly expectedDiffId?: DiffID;
  /** Default 64 GiB. */
  readonly maxUncompressedBytes?: number;
  /** Default 5 million. */
  readonly maxEntries?: number;
  readonly signal?: AbortSignal;
}

/**
 * Applies a layer blob (plain, gzip or zstd by its first bytes) to an empty folder, in a worker thread and one pass: inflates, computes the diffID, writes.
 * The folder becomes a layer of an overlay: deletions become whiteout devices and opaque folders. After a failure the caller removes it. Nothing is synced.
 * @throws invalid_argument naming the entry (hostile or broken tar), data_loss (another diffID), resource_exhausted (a limit, or the disk is full), cancelled
 */
export function applyLayer(source: { readonly path: string }, options: ApplyOptions): Promise<ApplyResult> {
  const { signal, ...job } = options;
  return runInWorker('apply', { ...job, path: source.path }, signal);
}

/**
 * Writes the content of an overlay's upper folder as a layer tar to `target.path` (made or replaced, not synced), in a worker thread, hashing once.
 * Equal folders give equal bytes. Times are whole seconds. With an `epoch` (seconds) later times, and those by the clock of `since` (milliseconds) and after,
 * become it, in the folder too. The overlay must be mounted without redirect_dir and metacopy.
 * @throws invalid_argument for a name that would mean a deletion (`.wh.…`), conflict when a file shrinks meanwhile, cancelled
 */
export function writeLayerFromUpper(
  upperDir: string,
  target: { readonly path: string },
  options: TimesOptions & { readonly signal?: AbortSignal } = {},
): Promise<WriteLayerResult> {
  const { signal, ...rest } = options;
  return runInWorker('writeLayer', { upperDir, targetPath: target.path, ...rest }, signal);
}

/**
 * Lays folders of committed layers on one another, in a worker thread: `targetDir` (empty, on their file system) becomes one layer that does what
 * they do together on top of `lowerDirs`. Files are hard links to the layers' own: the result is to be read and removed. @throws cancelled
 */
export async function mergeLayers(
  layerDirs: readonly string[],
  options: { readonly targetDir: string; readonly lowerDirs: readonly string[]; readonly signal?: AbortSignal },
): Promise<void> {
  const { signal, ...rest } = options;
  await runInWorker('mergeLayers', { layerDirs, ...rest }, signal);
}

/**
 * Compresses a layer tar to `target.path` (made or replaced, not synced) off the main thread: gzip in parallel blocks (level 4, what cannot shrink is stored), zstd as one frame (level 3).
 * Deterministic for one version of Node, on any number of cores.
 */
export function compressLayer(
  sourcePath: string,
  target: { readonly path: string },
  options: { readonly kind: 'gzip' | 'zstd'; readonly level?: number; readonly signal?: AbortSignal },
): Promise<CompressResult> {
  const { signal, ...rest } = options;
  return runInWorker('compress', { sourcePath, targetPath: target.path, ...rest }, signal);
}
