import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { LadingError, toLadingError } from '../../errors/index.ts';
import type { DiffID } from '../../oci/index.ts';
import { autoDecompress } from '../compression/auto-decompress.ts';
import { feedTar } from './feed-tar.ts';
import { LayerExtractor } from './layer-extractor.ts';

/** What crosses to the worker: plain data. */
export interface ApplyJob {
  readonly path: string;
  readonly dir: string;
  readonly lowerDirs: readonly string[];
  readonly expectedDiffId?: DiffID;
  readonly maxUncompressedBytes?: number;
  readonly maxEntries?: number;
}

export interface ApplyResult {
  readonly diffId: DiffID;
  /** Bytes of the uncompressed tar. */
  readonly sizeBytes: number;
  readonly entries: number;
}

/** {@link applyLayer} in this thread; its loop is busy meanwhile. */
export async function applyLayerHere(job: ApplyJob, checkStop: () => void): Promise<ApplyResult> {
  const source = createReadStream(job.path, { highWaterMark: 512 * 1024 });
  try {
    using extractor = new LayerExtractor(job);
    const { stream, kind } = await autoDecompress(source);
    if (kind === 'bzip2' || kind === 'xz')
      throw new LadingError('invalid_argument', `apply layer: it is compressed with ${kind}`);
    const hash = createHash('sha256');
    const compressedBytes = statSync(job.path).size;
    const sizeBytes = await feedTar(stream, extractor, { ...job, compressedBytes, hash, checkStop });
    extractor.finish();
    const diffId = `sha256:${hash.digest('hex')}` as DiffID;
    checkDiffId(diffId, job.expectedDiffId);
    return { diffId, sizeBytes, entries: extractor.entries };
  } catch (error) {
    throw toLadingError(error, 'apply layer');
  } finally {
    source.destroy();
  }
}

function checkDiffId(found: DiffID, expected: DiffID | undefined): void {
  if (expected === undefined || expected === found) return;
  throw new LadingError('data_loss', `apply layer: its diffID is "${found}", the image says "${expected}"`);
}
