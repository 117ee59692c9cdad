import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { LadingError, isLadingError, toLadingError } from '../../errors/index.ts';
import { digestAlgorithm, type Digest } from '../../oci/index.ts';
import type { BlobInfo, ContentWriter, Expected } from '../content-store.ts';
import { assertExpected } from '../expected.ts';
import { BlockFile } from './block-file.ts';

export type Algorithm = 'sha256' | 'sha512';

const REHASH_CHUNK_BYTES = 1 << 20;

/** What an ingest needs from the store that opened it. */
export interface IngestHome {
  readonly ref: string;
  readonly folder: string;
  /** Makes the closed or open file at `path` the blob `digest`. */
  publish(file: FileHandle, path: string, info: { readonly digest: Digest; readonly size: number }): Promise<BlobInfo>;
  /** Lets the next writer of `ref` in. */
  release(): void;
}

/** Hashes and writes one ingest; ends by commit, abort or disposal, whichever comes first. */
export class IngestWriter implements ContentWriter {
  readonly #home: IngestHome;
  readonly #file: FileHandle;
  readonly #blocks: BlockFile;
  readonly #algorithm: Algorithm;
  readonly #hash: Hash;
  #offset: number;
  #open = true;

  private constructor(home: IngestHome, file: FileHandle, algorithm: Algorithm, hash: Hash, offset: number) {
    this.#home = home;
    this.#file = file;
    this.#algorithm = algorithm;
    this.#hash = hash;
    this.#offset = offset;
    this.#blocks = new BlockFile(file, offset);
  }

  /** Takes over `file`, which holds what an earlier writer left (rehashed here, streaming) or nothing. */
  static async resume(home: IngestHome, file: FileHandle, algorithm: Algorithm): Promise<IngestWriter> {
    const { size } = await file.stat();
    const hash = size === 0 ? createHash(algorithm) : await hashFile(join(home.folder, 'data'), algorithm, size);
    return new IngestWriter(home, file, algorithm, hash, size);
  }

  get offset(): number {
    return this.#offset;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#assertOpen();
    try {
      this.#hash.update(chunk);
      this.#offset += chunk.length;
      await this.#blocks.append(chunk);
    } catch (error) {
      throw await this.#failed(error);
    }
  }

  async commit(expected: Expected = {}): Promise<BlobInfo> {
    this.#assertOpen();
    try {
      await this.#blocks.flush();
      const info = { digest: await this.#digest(expected), size: this.#offset };
      assertExpected(this.#attempted(), info, expected);
      const blob = await this.#home.publish(this.#file, join(this.#home.folder, 'data'), info);
      await this.#end({ remove: true });
      return blob;
    } catch (error) {
      throw await this.#failed(error);
    }
  }

  async abort(): Promise<void> {
    await this.#end({ remove: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#open) await this.#blocks.flush().catch(() => undefined);
    await this.#end({ remove: false });
  }

  async #digest(expected: Expected): Promise<Digest> {
    const wanted = expected.digest === undefined ? this.#algorithm : digestAlgorithm(expected.digest);
    const sameAlgorithm = wanted === this.#algorithm;
    const hash = sameAlgorithm ? this.#hash : await hashFile(join(this.#home.folder, 'data'), wanted, this.#offset);
    return `${wanted}:${hash.digest('hex')}` as Digest;
  }

  /** Wrong bytes and bytes that fill the disk are not worth resuming; others stay. */
  async #failed(error: unknown): Promise<LadingError> {
    const failure = toLadingError(error, this.#attempted());
    try {
      if (isLadingError(failure, 'data_loss', 'resource_exhausted')) await this.#end({ remove: true });
    } catch {
      // The first failure is the one to report; sweepIngests() gets what stayed.
    }
    return failure;
  }

  async #end(options: { readonly remove: boolean }): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    try {
      await this.#file.close();
      if (options.remove) await rm(this.#home.folder, { recursive: true, force: true });
    } finally {
      this.#home.release();
    }
  }

  #assertOpen(): void {
    if (!this.#open) throw new LadingError('conflict', `${this.#attempted()}: this writer was already closed`);
  }

  #attempted(): string {
    return `store blob "${this.#home.ref}"`;
  }
}

/** Hash of a file's first `size` bytes, still open for more. */
async function hashFile(path: string, algorithm: Algorithm, size: number): Promise<Hash> {
  const hash = createHash(algorithm);
  if (size === 0) return hash;
  const stream = createReadStream(path, { highWaterMark: REHASH_CHUNK_BYTES, end: size - 1 });
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash;
}
