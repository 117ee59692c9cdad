import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { toLadingError } from '../../errors/index.ts';
import { autoDecompress } from '../compression/auto-decompress.ts';
import { Extractor, type ExtractorOptions } from './extractor.ts';
import { feedTar } from './feed-tar.ts';

export interface ExtractOptions extends ExtractorOptions {
  readonly maxUncompressedBytes?: number;
  readonly signal?: AbortSignal;
}

export interface ExtractResult {
  /** Bytes of the uncompressed tar. */
  readonly sizeBytes: number;
  readonly entries: number;
}

/**
 * Extracts a tar stream (plain, gzip, zstd, bzip2 or xz by its first bytes) into an existing folder that others may be using: `cp` into a container, ADD, import.
 * Names and links resolve inside `dir` as if it were `/`. Whiteouts mean nothing here. Existing files are replaced, folders merged.
 * Consumes and destroys the source. After a failure part of the entries is there.
 * @throws invalid_argument naming the entry; not_found when `dir` or `into` is not a folder; resource_exhausted past a limit; cancelled
 */
export async function extractTar(source: Readable, options: ExtractOptions): Promise<ExtractResult> {
  try {
    using extractor = new Extractor(options);
    const { stream } = await autoDecompress(source);
    const checkStop = () => options.signal?.throwIfAborted();
    const sizeBytes = await feedTar(inTurns(stream), extractor, { ...options, checkStop });
    extractor.finish();
    return { sizeBytes, entries: extractor.entries };
  } catch (error) {
    throw toLadingError(error, 'extract tar');
  } finally {
    source.destroy();
  }
}

/** The work on each chunk is synchronous: lets the event loop serve others in between. */
async function* inTurns(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += 64 * 1024) {
      yield chunk.subarray(at, at + 64 * 1024);
      await setImmediate();
    }
  }
}
