import type { Readable } from 'node:stream';
import type { Digest } from '../oci/index.ts';

export interface BlobInfo {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly createdAt: Date;
}

/** Reading committed blobs. What is committed was verified when written. */
export interface ContentReader {
  /** undefined when there is no such blob. */
  info(digest: Digest): Promise<BlobInfo | undefined>;
  /**
   * Opens a blob; the receiver destroys the stream. `start`/`end` as in node:fs (end inclusive).
   * @throws not_found
   */
  open(
    digest: Digest,
    options?: { readonly start?: number; readonly end?: number; readonly signal?: AbortSignal },
  ): Promise<Readable>;
  /** A whole small blob (manifest, config). @throws not_found; invalid_argument when larger than `maxBytes` (default 4 MiB). */
  read(digest: Digest, options?: { readonly maxBytes?: number }): Promise<Buffer>;
  /** Path of the committed file, for workers that read it themselves. Read-only. @throws not_found */
  pathOf(digest: Digest): Promise<string>;
}

export interface Expected {
  readonly digest?: Digest;
  readonly size?: number;
}

/** Writing blobs: nothing is visible before commit. */
export interface ContentIngester {
  /**
   * Starts or (with `resume`) continues the ingest named `ref`; one writer per ref at a time.
   * @throws conflict when the ref is being written
   */
  openWriter(ref: string, options?: { readonly resume?: boolean }): Promise<ContentWriter>;
  /** Whole stream to a verified blob. Consumes and destroys the stream. Reads at most one byte past `size`. @throws data_loss on a mismatch */
  ingest(
    ref: string,
    source: Readable,
    expected: Expected,
    options?: { readonly signal?: AbortSignal },
  ): Promise<BlobInfo>;
  /** Small bytes in memory to a blob. */
  put(bytes: Uint8Array, expected?: Expected): Promise<BlobInfo>;
  /** A fresh path inside the ingest area for a worker that writes and hashes by itself; hand it to `adopt` or unlink it. */
  stagingPath(): Promise<string>;
  /** Commits a file made at `stagingPath()` whose digest and size the caller has computed while writing it. Syncs and renames. */
  adopt(path: string, info: { readonly digest: Digest; readonly size: number }): Promise<BlobInfo>;
}

/** One ingest. Disposing without commit keeps the bytes for a resume; `abort` removes them. */
export interface ContentWriter extends AsyncDisposable {
  /** Bytes written so far (after a resume: also the earlier ones, rehashed). */
  readonly offset: number;
  write(chunk: Uint8Array): Promise<void>;
  /** fsync, check against `expected`, rename into place, fsync folder. Success means "is stored". @throws data_loss naming both digests or sizes (the ingest is then removed) */
  commit(expected?: Expected): Promise<BlobInfo>;
  abort(): Promise<void>;
}

export interface ContentManager {
  /** Every committed blob. */
  walk(): AsyncIterable<BlobInfo>;
  /** Idempotent. Whether there was such a blob. */
  delete(digest: Digest): Promise<boolean>;
  /** Removes what interrupted ingests and crashed staging left, older than `olderThanMs`. Called at start with 0. */
  sweepIngests(olderThanMs: number): Promise<void>;
}

export interface ContentStore extends ContentReader, ContentIngester, ContentManager {}
