import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import { pipeline } from 'node:stream';
import { constants, createZstdCompress } from 'node:zlib';
import { toLadingError } from '../../errors/index.ts';
import type { Digest } from '../../oci/index.ts';
import { gzipBlocks } from './gzip-blocks.ts';

export interface CompressJob {
  readonly sourcePath: string;
  readonly targetPath: string;
  readonly kind: 'gzip' | 'zstd';
  readonly level?: number;
}

export interface CompressResult {
  readonly digest: Digest;
  /** Compressed bytes. */
  readonly size: number;
}

/** compressLayer in this thread. Does not sync the file. */
export async function compressLayerHere(job: CompressJob, checkStop: () => void): Promise<CompressResult> {
  let fd = -1;
  try {
    fd = openSync(job.targetPath, 'w', 0o600);
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of job.kind === 'gzip' ? gzipBlocks(job.sourcePath, job.level) : zstdChunks(job)) {
      checkStop();
      hash.update(chunk);
      for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at);
      size += chunk.length;
    }
    return { digest: `sha256:${hash.digest('hex')}` as Digest, size };
  } catch (error) {
    throw toLadingError(error, `compress layer with ${job.kind}`);
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

/** One frame with a checksum. The level's default is zstd's own. */
function zstdChunks({ sourcePath, level }: CompressJob): AsyncIterable<Buffer> {
  const params = {
    [constants.ZSTD_c_compressionLevel]: level ?? constants.ZSTD_CLEVEL_DEFAULT,
    [constants.ZSTD_c_checksumFlag]: 1,
  };
  const source = createReadStream(sourcePath, { highWaterMark: 512 * 1024 });
  return pipeline(source, createZstdCompress({ chunkSize: 256 * 1024, params }), () => {});
}
