import type { Readable } from 'node:stream';
import type { TarHeader } from './header.ts';
import { TarParser } from './tar-parser.ts';

export interface ReadTarOptions {
  readonly signal?: AbortSignal;
}

export interface TarEntry {
  readonly header: TarHeader;
  /** `header.size` bytes, holes of sparse files as zeros. May be read once, before the next entry is asked for; what is not read is skipped. */
  readonly body: AsyncIterable<Buffer>;
}

type Event =
  | { readonly kind: 'entry'; readonly header: TarHeader }
  | { readonly kind: 'data'; readonly bytes: Buffer; readonly offset: number }
  | { readonly kind: 'end' };

/**
 * Members of an uncompressed tar stream, one after another. Leaving the loop destroys the source.
 * @throws {LadingError} invalid_argument when it is not a tar file or stops in the middle
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array> | Readable,
  options: ReadTarOptions = {},
): AsyncGenerator<TarEntry, void, undefined> {
  const events = new EventReader(source, options.signal);
  try {
    for (let event = await events.next(); event; event = await events.next())
      if (event.kind === 'entry') yield { header: event.header, body: readBody(events, event.header) };
  } finally {
    await events.close();
  }
}

/** Turns the parser's callbacks into a queue that is filled one chunk at a time. */
class EventReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  readonly #parser: TarParser;
  #queue: Event[] = [];
  #at = 0;
  #ended = false;
  /** How many entries were taken from the queue: a body of an earlier one yields nothing. */
  entries = 0;

  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#source = source[Symbol.asyncIterator]();
    this.#signal = signal;
    this.#parser = new TarParser({
      entry: (header) => this.#queue.push({ kind: 'entry', header }),
      data: (bytes, offset) => this.#queue.push({ kind: 'data', bytes, offset }),
      entryEnd: () => this.#queue.push({ kind: 'end' }),
    });
  }

  async next(): Promise<Event | undefined> {
    while (this.#at === this.#queue.length) {
      if (this.#ended) return undefined;
      await this.#fill();
    }
    const event = this.#queue[this.#at++]!;
    if (event.kind === 'entry') this.entries++;
    return event;
  }

  async #fill(): Promise<void> {
    this.#queue = [];
    this.#at = 0;
    this.#signal?.throwIfAborted();
    const { done, value } = await this.#source.next();
    this.#ended = done === true;
    if (done) this.#parser.end();
    else this.#parser.write(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  }

  async close(): Promise<void> {
    if (!this.#ended) await this.#source.return?.();
  }
}

async function* readBody(events: EventReader, header: TarHeader): AsyncGenerator<Buffer, void, undefined> {
  const { entries } = events;
  let offset = 0;
  while (events.entries === entries) {
    const event = await events.next();
    if (event?.kind !== 'data') break;
    yield* zeros(event.offset - offset);
    yield event.bytes;
    offset = event.offset + event.bytes.length;
  }
  yield* zeros(header.size - offset);
}

const ZEROS = Buffer.alloc(64 * 1024);

function* zeros(length: number): Generator<Buffer, void, undefined> {
  for (let left = length; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
}
