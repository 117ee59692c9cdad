import type { Stats } from 'node:fs';
import { open, opendir, stat, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { LadingError, errnoOf, toLadingError } from '../../errors/index.ts';
import { isDigest, type Digest } from '../../oci/index.ts';
import type { BlobInfo, ContentReader } from '../content-store.ts';
import type { BlobLayout } from './blob-layout.ts';

const READ_CHUNK_BYTES = 256 << 10;
const SMALL_BLOB_BYTES = 4 << 20;

/** The reading half of the local store. */
export class BlobReader implements ContentReader {
  readonly #layout: BlobLayout;

  constructor(layout: BlobLayout) {
    this.#layout = layout;
  }

  async info(digest: Digest): Promise<BlobInfo | undefined> {
    const path = this.#layout.blobPath(digest);
    try {
      return blobInfo(digest, await stat(path));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw toLadingError(error, `read blob "${digest}"`);
    }
  }

  async open(
    digest: Digest,
    options: { readonly start?: number; readonly end?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Readable> {
    options.signal?.throwIfAborted();
    const file = await this.#openFile(digest);
    return file.createReadStream({ highWaterMark: READ_CHUNK_BYTES, ...options });
  }

  async read(digest: Digest, options: { readonly maxBytes?: number } = {}): Promise<Buffer> {
    const { maxBytes = SMALL_BLOB_BYTES } = options;
    const file = await this.#openFile(digest);
    try {
      const { size } = await file.stat();
      if (size > maxBytes)
        throw new LadingError('invalid_argument', `read blob "${digest}": it has ${size} bytes, more than ${maxBytes}`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  }

  async pathOf(digest: Digest): Promise<string> {
    if ((await this.info(digest)) === undefined) throw notFound(digest);
    return this.#layout.blobPath(digest);
  }

  async *walk(): AsyncIterable<BlobInfo> {
    for (const { algorithm, path } of this.#layout.blobFolders)
      for await (const entry of await opendir(path)) {
        const digest = `${algorithm}:${entry.name}`;
        if (!isDigest(digest)) continue;
        const info = await this.info(digest);
        if (info) yield info;
      }
  }

  async #openFile(digest: Digest): Promise<FileHandle> {
    const path = this.#layout.blobPath(digest);
    try {
      return await open(path, 'r');
    } catch (error) {
      throw errnoOf(error) === 'ENOENT' ? notFound(digest) : toLadingError(error, `read blob "${digest}"`);
    }
  }
}

/** A blob's modification time is the time of its (last) commit. */
export function blobInfo(digest: Digest, stats: Stats): BlobInfo {
  return { digest, size: stats.size, createdAt: stats.mtime };
}

function notFound(digest: Digest): LadingError {
  return new LadingError('not_found', `read blob "${digest}": no such blob`);
}
