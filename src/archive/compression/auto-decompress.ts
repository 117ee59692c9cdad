import { Readable } from 'node:stream';
import { decompressStream } from './decompress.ts';
import { detectCompression, MAGIC_BYTES, type ArchiveCompression } from './detect.ts';

/** Looks at the first bytes and inflates accordingly. The result owns the source. */
export async function autoDecompress(source: Readable): Promise<{ stream: Readable; kind: ArchiveCompression }> {
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first: Buffer[] = [];
  let length = 0;
  while (length < MAGIC_BYTES) {
    const { done, value } = await iterator.next();
    if (done) break;
    first.push(value);
    length += value.length;
  }
  const head = Buffer.concat(first);
  const kind = detectCompression(head);
  const whole = Readable.from(rejoin(head, iterator), { highWaterMark: 2 });
  whole.once('close', () => source.destroy());
  return { stream: decompressStream(whole, kind), kind };
}

async function* rejoin(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  if (head.length > 0) yield head;
  yield* { [Symbol.asyncIterator]: () => rest };
}
