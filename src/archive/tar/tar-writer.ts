import { LadingError } from '../../errors/index.ts';
import { showName } from '../entry-name.ts';
import { encodeHeader, END_OF_ARCHIVE, type EncodeOptions } from './encode-header.ts';
import { paddingOf, type TarHeader } from './header.ts';

/**
 * Writes a tar archive member by member: ustar, with PAX records only where ustar cannot hold a value.
 * Deterministic: equal members in equal order give equal bytes. Calls must not overlap.
 */
export class TarWriter {
  readonly #sink: (chunk: Buffer) => void | Promise<void>;
  readonly #options: EncodeOptions;

  /** @param sink is awaited before the next chunk, so it may apply back pressure */
  constructor(sink: (chunk: Buffer) => void | Promise<void>, options: EncodeOptions = {}) {
    this.#sink = sink;
    this.#options = options;
  }

  /** @throws invalid_argument when the body has not exactly `header.size` bytes (the archive is then unusable) */
  async add(header: TarHeader, body?: Buffer | AsyncIterable<Buffer>): Promise<void> {
    await this.#sink(encodeHeader(header, this.#options));
    const size = header.type === 'file' ? header.size : 0;
    let written = 0;
    for await (const chunk of body === undefined ? [] : body instanceof Uint8Array ? [body] : body) {
      written += chunk.length;
      if (written > size) break;
      if (chunk.length > 0) await this.#sink(chunk);
    }
    if (written !== size) throw wrongSize(header, written);
    const padding = paddingOf(size);
    if (padding > 0) await this.#sink(Buffer.alloc(padding));
  }

  async end(): Promise<void> {
    await this.#sink(END_OF_ARCHIVE);
  }
}

function wrongSize(header: TarHeader, written: number): LadingError {
  const found = written > header.size ? 'more' : `${written}`;
  return new LadingError(
    'invalid_argument',
    `write tar entry ${showName(header.name)}: its body has ${found} bytes, the header says ${header.size}`,
  );
}
