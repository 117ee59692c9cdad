import { once } from 'node:events';
import type { Writable } from 'node:stream';

export type StreamName = 'stdout' | 'stderr';
const STREAM_BYTE: Readonly<Record<StreamName, number>> = { stdout: 1, stderr: 2 };

/** Docker's frame header: stream byte, three zeros, payload size big endian. */
export function frameHeader(stream: StreamName, size: number): Buffer {
  const header = Buffer.alloc(8);
  header[0] = STREAM_BYTE[stream];
  header.writeUInt32BE(size, 4);
  return header;
}

/** Writes one chunk, framed or raw, and waits while the reader is behind. */
export async function writeChunk(
  output: Writable,
  chunk: Buffer,
  frame: StreamName | undefined,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  output.cork();
  if (frame !== undefined) output.write(frameHeader(frame, chunk.length));
  const ready = output.write(chunk);
  output.uncork();
  if (!ready && output.writableNeedDrain) await once(output, 'drain', { signal });
}
