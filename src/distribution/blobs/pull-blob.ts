import { KeyedLock } from '../../base/index.ts';
import type { BlobInfo, ContentIngester, ContentWriter } from '../../content/index.ts';
import { LadingError, isLadingError } from '../../errors/index.ts';
import type { Descriptor, Digest, Reference } from '../../oci/index.ts';
import type { Connection } from '../connection.ts';
import type { Endpoint } from '../endpoint.ts';
import { chunksOf } from '../http/bounded-body.ts';
import { retryTransfer } from '../retry-policy.ts';
import type { CallOptions } from '../session.ts';
import { fetchAttempt, requestBlob, truncatedError } from './fetch-blob.ts';

export interface PullBlobOptions extends CallOptions {
  /** Bytes of the blob received so far, earlier interrupted pulls included. */
  readonly onProgress?: (bytes: number) => void;
  /** All bytes are here; what remains is checking and syncing them. */
  readonly onVerifying?: () => void;
  /** Whether the store has the blob by now, asked after having waited for another pull of it. */
  readonly has?: (digest: Digest) => Promise<boolean>;
}

/** Brings blobs straight into a store; what an interrupted pull has received is continued, not fetched again. */
export class BlobPuller {
  readonly #connection: Connection;
  readonly #locks = new KeyedLock();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** @returns undefined when `has` said that another pull has brought it meanwhile. @throws data_loss, unavailable, not_found */
  async pull(
    reference: Reference,
    descriptor: Descriptor,
    store: ContentIngester,
    options: PullBlobOptions,
  ): Promise<BlobInfo | undefined> {
    return this.#locks.run(descriptor.digest, async () => {
      if (await options.has?.(descriptor.digest)) return undefined;
      return new BlobTransfer(this.#connection, reference, descriptor, options).into(store);
    });
  }
}

class BlobTransfer {
  readonly #connection: Connection;
  readonly #reference: Reference;
  readonly #descriptor: Descriptor;
  readonly #options: PullBlobOptions;
  /** Whether the bytes may be mixed from several pulls or sources, so that starting over can mend wrong ones. */
  #mixed = false;

  constructor(connection: Connection, reference: Reference, descriptor: Descriptor, options: PullBlobOptions) {
    this.#connection = connection;
    this.#reference = reference;
    this.#descriptor = descriptor;
    this.#options = options;
  }

  async into(store: ContentIngester): Promise<BlobInfo> {
    try {
      return await this.#receive(store, { resume: true, mirrors: true });
    } catch (error) {
      if (!isLadingError(error, 'data_loss') || !this.#mixed) throw error;
      this.#connection.log.warn('blob is wrong, fetching it again from its registry', { error: error.message });
      return this.#receive(store, { resume: false, mirrors: false });
    }
  }

  async #receive(store: ContentIngester, how: { resume: boolean; mirrors: boolean }): Promise<BlobInfo> {
    const { size, digest } = this.#descriptor;
    const { signal, onVerifying } = this.#options;
    await using writer = await store.openWriter(`pull ${digest}`, { resume: how.resume });
    if (writer.offset > 0) this.#mixed = true;
    try {
      if (writer.offset > size) throw this.#tooLong();
      await retryTransfer(
        this.#connection.retry,
        signal,
        () => writer.offset,
        () => this.#attempt(writer, how.mirrors),
      );
    } catch (error) {
      if (isLadingError(error, 'data_loss')) await writer.abort();
      throw error;
    }
    onVerifying?.();
    return await writer.commit({ digest, size });
  }

  async #attempt(writer: ContentWriter, mirrors: boolean): Promise<void> {
    const blob = { reference: this.#reference, descriptor: this.#descriptor, start: writer.offset };
    if (blob.start === this.#descriptor.size) return;
    const open = async (endpoint: Endpoint) => {
      const opened = await requestBlob(this.#connection, endpoint, blob, this.#options);
      if (endpoint.mirror) this.#mixed = true;
      return opened;
    };
    const { domain } = this.#reference;
    const { response, skip } = mirrors
      ? await this.#connection.atReadable(domain, this.#options, open)
      : await this.#connection.atRegistry(domain, open);
    const chunks = chunksOf(response.body, this.#connection.session.limitsOf(response, this.#options.signal));
    await this.#copy(chunks, writer, skip);
    if (writer.offset < this.#descriptor.size) throw truncatedError(this.#reference, this.#descriptor, writer.offset);
  }

  async #copy(chunks: AsyncIterable<Buffer>, writer: ContentWriter, skip: number): Promise<void> {
    let left = skip;
    for await (const chunk of chunks) {
      const fresh = chunk.subarray(Math.min(left, chunk.length));
      left -= chunk.length - fresh.length;
      if (writer.offset + fresh.length > this.#descriptor.size) throw this.#tooLong();
      if (fresh.length === 0) continue;
      await writer.write(fresh);
      this.#options.onProgress?.(writer.offset);
    }
  }

  #tooLong(): LadingError {
    const attempted = fetchAttempt(this.#reference, this.#descriptor);
    return new LadingError('data_loss', `${attempted}: more than ${this.#descriptor.size} bytes`);
  }
}
