import type { Readable } from 'node:stream';
import { LadingError } from '../errors/index.ts';

const MAX_JSON_BYTES = 64 << 20;
const MAX_LINE_BYTES = 16 << 20;

/** Reads a JSON document; an empty body is undefined. @throws internal */
export async function readJson(stream: AsyncIterable<Buffer> | Readable): Promise<unknown> {
  const text = await readText(stream);
  if (text.trim() === '') return undefined;
  return parse(text);
}

export async function readText(stream: AsyncIterable<Buffer> | Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_JSON_BYTES)
      throw new LadingError('internal', `read the daemon's answer: more than ${MAX_JSON_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Newline-delimited (or merely concatenated by lines) JSON objects, as they come. */
export async function* readNdjson<T>(stream: AsyncIterable<Buffer> | Readable): AsyncGenerator<T> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = Buffer.concat([...pending, chunk.subarray(start, end)]).toString('utf8');
      pending = [];
      pendingBytes = 0;
      start = end + 1;
      if (line.trim() !== '') yield parse(line) as T;
    }
    if (start === chunk.length) continue;
    pending.push(chunk.subarray(start));
    pendingBytes += chunk.length - start;
    if (pendingBytes > MAX_LINE_BYTES) throw new LadingError('internal', "read the daemon's answer: line too long");
  }
  const rest = Buffer.concat(pending).toString('utf8');
  if (rest.trim() !== '') yield parse(rest) as T;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LadingError('internal', `read the daemon's answer: not JSON: "${text.slice(0, 120)}"`, { cause: error });
  }
}
