import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, unlink, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { SILENT_LOG, readVersionFile, syncFolder, type Log } from '../../base/index.ts';
import { LadingError, errnoOf, toLadingError } from '../../errors/index.ts';
import { digestAlgorithm, digestOf, type Digest } from '../../oci/index.ts';
import type { BlobInfo, ContentStore, ContentWriter, Expected } from '../content-store.ts';
import { assertExpected } from '../expected.ts';
import { BlobLayout } from './blob-layout.ts';
import { BlobReader, blobInfo } from './blob-reader.ts';
import { IngestWriter, type Algorithm } from './ingest-writer.ts';

const LAYOUT_VERSION = 1;
const READ_ONLY = 0o444;

export interface LocalContentStoreOptions {
  readonly log?: Log;
  /** Whether committed blobs survive a power loss (fsync of file and folder). Default true. */
  readonly durable?: boolean;
}

/** Blobs as read-only files named by their digest. One process at a time may write to a root. */
export class LocalContentStore extends BlobReader implements ContentStore {
  readonly #layout: BlobLayout;
  readonly #durable: boolean;
  readonly #log: Log;
  /** Ingest folders that have a writer. */
  readonly #writing = new Set<string>();
  /** Staging files of this process begin with it; others are a dead process's. */
  readonly #run = randomBytes(6).toString('hex');
  #staged = 0;

  private constructor(layout: BlobLayout, options: LocalContentStoreOptions) {
    super(layout);
    this.#layout = layout;
    this.#durable = options.durable ?? true;
    this.#log = options.log ?? SILENT_LOG;
  }

  /** Opens the store below `root`, making it when missing. @throws unavailable when a newer lading wrote it */
  static async open(root: string, options: LocalContentStoreOptions = {}): Promise<LocalContentStore> {
    const layout = new BlobLayout(root);
    await layout.create(options.durable ?? true);
    await readVersionFile(root, LAYOUT_VERSION, 'content store');
    return new LocalContentStore(layout, options);
  }

  async openWriter(ref: string, options: { readonly resume?: boolean } = {}): Promise<ContentWriter> {
    return this.#openWriter(ref, 'sha256', options.resume ?? false);
  }

  async ingest(
    ref: string,
    source: Readable,
    expected: Expected,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<BlobInfo> {
    // It may fail while the writer is being opened; the loop below then throws that failure.
    source.on('error', () => undefined);
    try {
      if (options.signal) addAbortSignal(options.signal, source);
      const algorithm = expected.digest === undefined ? 'sha256' : digestAlgorithm(expected.digest);
      await using writer = await this.#openWriter(ref, algorithm, false);
      await copy(source, writer, expected.size ?? Number.POSITIVE_INFINITY);
      return await writer.commit(expected);
    } catch (error) {
      throw toLadingError(error, `store blob "${ref}"`);
    } finally {
      source.destroy();
    }
  }

  async put(bytes: Uint8Array, expected: Expected = {}): Promise<BlobInfo> {
    const info = { digest: digestOfBytes(bytes, expected), size: bytes.length };
    assertExpected('store blob', info, expected);
    const path = await this.stagingPath();
    try {
      await writeFile(path, bytes, { flag: 'wx' });
    } catch (error) {
      await rm(path, { force: true });
      throw toLadingError(error, `store blob "${info.digest}"`);
    }
    return this.adopt(path, info);
  }

  async stagingPath(): Promise<string> {
    return join(this.#layout.staging, `${this.#run}-${++this.#staged}`);
  }

  async adopt(path: string, info: { readonly digest: Digest; readonly size: number }): Promise<BlobInfo> {
    const attempted = `store blob "${info.digest}"`;
    if (dirname(path) !== this.#layout.staging)
      throw new LadingError('internal', `${attempted}: "${path}" is not a staging file`);
    try {
      await using file = await open(path, 'r');
      assertExpected(attempted, { ...info, size: (await file.stat()).size }, info);
      return await this.#publish(file, path, info);
    } catch (error) {
      await rm(path, { force: true });
      throw toLadingError(error, attempted);
    }
  }

  async delete(digest: Digest): Promise<boolean> {
    try {
      await unlink(this.#layout.blobPath(digest));
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw toLadingError(error, `delete blob "${digest}"`);
    }
  }

  async sweepIngests(olderThanMs: number): Promise<void> {
    const { ingests, staging } = this.#layout;
    for (const name of await readdir(ingests)) {
      const folder = join(ingests, name);
      const age = (await ageMs(join(folder, 'data'))) ?? (await ageMs(folder)) ?? 0;
      if (age >= olderThanMs && !this.#writing.has(folder)) await this.#discard(folder);
    }
    for (const name of await readdir(staging)) {
      const path = join(staging, name);
      if (!name.startsWith(this.#run) && ((await ageMs(path)) ?? 0) >= olderThanMs) await this.#discard(path);
    }
  }

  async #discard(path: string): Promise<void> {
    this.#log.info('removed an unfinished ingest', { path });
    await rm(path, { recursive: true, force: true });
  }

  async #openWriter(ref: string, algorithm: Algorithm, resume: boolean): Promise<IngestWriter> {
    const folder = this.#layout.ingestFolder(ref);
    if (this.#writing.has(folder))
      throw new LadingError('conflict', `store blob "${ref}": it is being written by somebody else`);
    this.#writing.add(folder);
    const release = () => void this.#writing.delete(folder);
    let file: FileHandle | undefined;
    try {
      await mkdir(folder, { mode: 0o700, recursive: true });
      await writeFile(join(folder, 'ref'), ref);
      file = await open(join(folder, 'data'), resume ? 'a' : 'w', 0o600);
      return await IngestWriter.resume(
        { ref, folder, release, publish: (file, path, info) => this.#publish(file, path, info) },
        file,
        algorithm,
      );
    } catch (error) {
      await file?.close();
      release();
      throw toLadingError(error, `store blob "${ref}"`);
    }
  }

  /** Replacing an equal blob is fine, and renews its age. */
  async #publish(
    file: FileHandle,
    path: string,
    { digest }: { readonly digest: Digest; readonly size: number },
  ): Promise<BlobInfo> {
    const target = this.#layout.blobPath(digest);
    const now = new Date();
    await file.utimes(now, now);
    await file.chmod(READ_ONLY);
    const stats = await file.stat();
    if (this.#durable) await file.sync();
    await rename(path, target);
    if (this.#durable) await syncFolder(dirname(target));
    return blobInfo(digest, stats);
  }
}

/** Milliseconds since the last write; undefined when there is no such file. */
async function ageMs(path: string): Promise<number | undefined> {
  const stats = await stat(path).catch(() => undefined);
  return stats && Math.max(0, Date.now() - stats.mtimeMs);
}

/** Copies at most one byte more than `size`; that one makes the commit fail. */
async function copy(source: Readable, writer: ContentWriter, size: number): Promise<void> {
  for await (const chunk of source) {
    const bytes: Uint8Array = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array);
    await writer.write(bytes.subarray(0, size + 1 - writer.offset));
    if (writer.offset > size) return;
  }
}

function digestOfBytes(bytes: Uint8Array, expected: Expected): Digest {
  if (expected.digest === undefined || digestAlgorithm(expected.digest) === 'sha256') return digestOf(bytes);
  return `sha512:${createHash('sha512').update(bytes).digest('hex')}` as Digest;
}
