import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { KeyedLock } from '../base/index.ts';
import type { ContentIngester, ContentWriter } from '../content/index.ts';
import { isLadingError } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';
import { SpecError } from './spec-error.ts';

interface Upload {
  readonly name: string;
  readonly writer: ContentWriter;
  usedAt: number;
}

const MAX_UPLOADS = 1000;
const IDLE_MS = 60 * 60_000;

/**
 * Uploads in progress, each one ingest of the store, hashed while it arrives. They end with the server: what it had not
 * committed is removed at its next start, and clients begin anew.
 */
export class Uploads {
  readonly #ingester: ContentIngester;
  readonly #uploads = new Map<string, Upload>();
  readonly #locks = new KeyedLock();

  constructor(ingester: ContentIngester) {
    this.#ingester = ingester;
  }

  /** @throws TOOMANYREQUESTS */
  async begin(name: string): Promise<string> {
    await this.#dropIdle();
    if (this.#uploads.size >= MAX_UPLOADS) throw new SpecError('TOOMANYREQUESTS', 'too many uploads in progress');
    const id = randomUUID();
    const writer = await this.#ingester.openWriter(`upload ${id}`);
    this.#uploads.set(id, { name, writer, usedAt: Date.now() });
    return id;
  }

  /** Bytes received so far; waits for a request that is still writing. @throws BLOB_UPLOAD_UNKNOWN */
  async offset(name: string, id: string): Promise<number> {
    return this.#locks.run(id, () => this.#get(name, id).writer.offset);
  }

  /**
   * Adds a request's body at the end. What a dropped connection has delivered stays, to be continued.
   * @returns bytes received in all
   * @throws RANGE_INVALID when `start` is not where the upload stands
   */
  async append(name: string, id: string, body: Readable, start?: number): Promise<number> {
    return this.#locks.run(id, async () => {
      const upload = this.#get(name, id);
      if (start !== undefined && start !== upload.writer.offset)
        throw new SpecError('RANGE_INVALID', `the upload stands at ${upload.writer.offset}, not ${start}`, {
          headers: { range: rangeOf(upload.writer.offset) },
        });
      // The body stays open after a failure here, so that the answer can still be sent.
      for await (const chunk of body.iterator({ destroyOnReturn: false })) {
        await upload.writer.write(chunk as Buffer);
        upload.usedAt = Date.now();
      }
      return upload.writer.offset;
    });
  }

  /** Makes the upload a blob. @throws DIGEST_INVALID, and the upload is gone */
  async finish(name: string, id: string, digest: Digest): Promise<void> {
    await this.#locks.run(id, async () => {
      const { writer } = this.#get(name, id);
      try {
        await writer.commit({ digest });
        this.#uploads.delete(id);
      } catch (error) {
        if (!isLadingError(error, 'data_loss')) throw error;
        this.#uploads.delete(id);
        throw new SpecError('DIGEST_INVALID', 'provided digest did not match uploaded content', { detail: { digest } });
      }
    });
  }

  async cancel(name: string, id: string): Promise<void> {
    await this.#locks.run(id, async () => {
      const { writer } = this.#get(name, id);
      this.#uploads.delete(id);
      await writer.abort();
    });
  }

  async cancelAll(): Promise<void> {
    for (const [id, { name }] of this.#uploads) await this.cancel(name, id);
  }

  /** An id is worth nothing in another repository. */
  #get(name: string, id: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload?.name !== name) throw new SpecError('BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
    upload.usedAt = Date.now();
    return upload;
  }

  async #dropIdle(): Promise<void> {
    for (const [id, { name, usedAt }] of this.#uploads)
      if (Date.now() - usedAt > IDLE_MS && !this.#locks.isHeld(id)) await this.cancel(name, id);
  }
}

/** The `Range` of an upload: inclusive, `0-0` while it is empty. */
export function rangeOf(offset: number): string {
  return `0-${Math.max(0, offset - 1)}`;
}
