import { spawn } from 'node:child_process';
import { pipeline, Readable } from 'node:stream';
import { constants, createGunzip, createZstdDecompress, type ZstdDecompress } from 'node:zlib';
import { errnoOf, LadingError, messageOf } from '../../errors/index.ts';
import type { ArchiveCompression } from './detect.ts';

/**
 * 256 KiB instead of zlib's 16 KiB halves the time. One object is one chunk, so that reading joins none together,
 * and a few may wait, so that inflating (thread pool) and whoever reads work at the same time.
 */
const STREAM_OPTIONS = { chunkSize: 256 * 1024, readableObjectMode: true, readableHighWaterMark: 4 };
/** 128 MiB, the largest window an ordinary decoder takes: bounds the memory a frame can ask for. */
const ZSTD_PARAMETERS = { [constants.ZSTD_d_windowLogMax]: 27 };

/**
 * The uncompressed bytes of `source`, as chunks of up to 256 KiB. Errors of the source come out of the result, destroying the result
 * destroys the source. Bad data is `invalid_argument`. gzip and zstd may consist of several members or frames; anything else behind them is
 * an error (but zero padding after gzip is not). bzip2 and xz need their tools: `unavailable` when missing.
 */
export function decompressStream(source: Readable, kind: ArchiveCompression): Readable {
  if (kind === 'none') return source;
  const result = Readable.from(inflated(source, kind), { highWaterMark: 2 });
  result.once('close', () => source.destroy());
  return result;
}

type Packed = Exclude<ArchiveCompression, 'none'>;

async function* inflated(source: Readable, kind: Packed): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* kind === 'gzip' ? gunzip(source) : kind === 'zstd' ? unzstd(source) : throughTool(source, kind);
  } catch (error) {
    throw (errnoOf(error) ?? '').startsWith('Z')
      ? new LadingError('invalid_argument', `decompress ${kind}: ${messageOf(error)}`, { cause: error })
      : error;
  }
}

function gunzip(source: Readable): Readable {
  return pipeline(source, createGunzip(STREAM_OPTIONS), ignoreHere);
}

/** Errors reach whoever reads the last stream. */
function ignoreHere(): void {}

function unzstd(source: Readable): Readable {
  const stream = createZstdDecompress({ ...STREAM_OPTIONS, params: ZSTD_PARAMETERS });
  const push = stream.push.bind(stream);
  let fed = false;
  // At the end of a frame Node's stream ends and drops the rest of its input. Layers often have many frames (zstd:chunked, pzstd).
  stream.push = (chunk: unknown, encoding?: BufferEncoding) => (chunk === null && !fed ? true : push(chunk, encoding));
  feedFrames(source, stream, () => (fed = true)).catch((error) => stream.destroy(error));
  stream.once('close', () => source.destroy());
  return stream;
}

async function feedFrames(source: Readable, stream: ZstdDecompress, onFed: () => void): Promise<void> {
  for await (const chunk of source) {
    for (let rest = chunk as Buffer; rest.length > 0;) {
      const before = stream.bytesWritten;
      await new Promise<void>((resolve, reject) => stream.write(rest, (error) => (error ? reject(error) : resolve())));
      if (stream.bytesWritten === before)
        throw new LadingError('invalid_argument', 'decompress zstd: the data leads nowhere');
      rest = rest.subarray(stream.bytesWritten - before);
    }
  }
  onFed();
  stream.end();
}

async function* throughTool(source: Readable, tool: 'bzip2' | 'xz'): AsyncGenerator<Buffer, void, undefined> {
  const child = spawn(tool, ['-d', '-c'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  ended.catch(ignoreHere);
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(0, 500)));
  const fed = new Promise<Error | undefined>((resolve) =>
    pipeline(source, child.stdin, (error) => resolve(error ?? undefined)),
  );
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const status = await ended.catch((error) => Promise.reject(missingTool(tool, error)));
    if (status !== 0)
      throw new LadingError('invalid_argument', `decompress ${tool}: ${complaint.trim() || `exit status ${status}`}`);
    const error = await fed;
    if (error && errnoOf(error) !== 'EPIPE') throw error;
  } finally {
    child.kill('SIGKILL');
  }
}

function missingTool(tool: string, error: unknown): Error {
  if (errnoOf(error) !== 'ENOENT') return error as Error;
  const package_ = tool === 'xz' ? 'xz-utils' : tool;
  return new LadingError('unavailable', `decompress ${tool}: the program "${tool}" is not installed`, {
    cause: error,
    hint: `install it (Debian: apt-get install ${package_}) or use a gzip or zstd archive`,
  });
}
