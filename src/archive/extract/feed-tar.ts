import type { Hash } from 'node:crypto';
import { LadingError } from '../../errors/index.ts';
import { TarParser, type TarEvents } from '../tar/tar-parser.ts';

/** What a decompressed layer may have at most, unless the caller says otherwise. */
export const DEFAULT_MAX_UNCOMPRESSED_BYTES = 64 * 2 ** 30;

/**
 * deflate cannot expand more than 1032 times, so for gzip the limit above says it all. zstd can expand 32,000 times:
 * beyond 8 GiB a layer that expands more than deflate could is taken for a bomb.
 */
const RATIO_FROM_BYTES = 8 * 2 ** 30;
const MAX_RATIO = 1100;

export interface FeedOptions {
  readonly maxUncompressedBytes?: number;
  /** Compressed size when known. */
  readonly compressedBytes?: number;
  /** Sees every byte, those behind the end of the archive too. */
  readonly hash?: Hash;
  /** Throws when the work is to stop. */
  readonly checkStop: () => void;
}

/** Runs a decompressed stream through the parser. Returns its size in bytes. */
export async function feedTar(source: AsyncIterable<Buffer>, events: TarEvents, options: FeedOptions): Promise<number> {
  const limit = options.maxUncompressedBytes ?? DEFAULT_MAX_UNCOMPRESSED_BYTES;
  const parser = new TarParser(events);
  let size = 0;
  for await (const chunk of source) {
    options.checkStop();
    size += chunk.length;
    if (size > limit) throw tooLarge(`it is larger than ${limit} bytes uncompressed`);
    if (size > RATIO_FROM_BYTES && size > MAX_RATIO * (options.compressedBytes ?? size))
      throw tooLarge(`it expands more than ${MAX_RATIO} times`);
    options.hash?.update(chunk);
    parser.write(chunk);
  }
  parser.end();
  return size;
}

function tooLarge(found: string): LadingError {
  return new LadingError('resource_exhausted', `read tar: ${found}`);
}
