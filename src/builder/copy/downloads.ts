import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { LadingError, messageOf } from '../../errors/index.ts';
import type { Collection, MetadataStore } from '../../metadata/index.ts';

/** What is known of a remote file without having it. */
export interface RemoteFile {
  readonly url: string;
  /** "sha256:…" of its bytes. */
  readonly digest: string;
  /** Last part of the address' path; '' when there is none. */
  readonly name: string;
  readonly etag?: string;
  /** RFC 3339. */
  readonly lastModified?: string;
}

const MAX_REDIRECTS = 10;
const MAX_BYTES = 64 * 2 ** 30;

/** Files that ADD takes from http and https addresses. */
export class Downloads {
  readonly #known: Collection<RemoteFile>;
  readonly #metadata: MetadataStore;

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata;
    this.#known = metadata.collection('build-downloads');
  }

  /**
   * What the address holds now. A file with a known checksum is not asked for again; an unchanged one is not transferred.
   * When bytes were transferred they are at `path`, in `folder`.
   */
  async look(
    url: string,
    options: { checksum?: string; folder: string; signal?: AbortSignal },
  ): Promise<{ file: RemoteFile; path?: string }> {
    const known = this.#known.get(url);
    if (known && options.checksum === known.digest) return { file: known };
    const response = await request(url, known?.etag, options.signal);
    if (known && response.status === 304) {
      await response.body?.cancel();
      return { file: checked(known, options.checksum) };
    }
    return this.#receive(url, response, options);
  }

  /** The bytes, for a step that has to run. */
  async fetch(file: RemoteFile, options: { folder: string; signal?: AbortSignal }): Promise<string> {
    const response = await request(file.url, undefined, options.signal);
    const { path } = await this.#receive(file.url, response, { ...options, checksum: file.digest });
    return path;
  }

  async #receive(
    url: string,
    response: Response,
    options: { checksum?: string; folder: string; signal?: AbortSignal },
  ): Promise<{ file: RemoteFile; path: string }> {
    if (!response.ok) {
      await response.body?.cancel();
      throw new LadingError(
        'invalid_argument',
        `failed to load cache key: invalid response status ${response.status}`,
        {
          hint: `from ${shown(url)}`,
        },
      );
    }
    const path = join(options.folder, randomBytes(8).toString('hex'));
    const digest = await save(response, path, options.signal);
    const file = checked(describe(url, digest, response), options.checksum);
    const modified = file.lastModified === undefined ? new Date(0) : new Date(file.lastModified);
    await utimes(path, modified, modified);
    this.#metadata.transaction(() => this.#known.put(url, file), { durable: false });
    return { file, path };
  }
}

function describe(url: string, digest: string, response: Response): RemoteFile {
  const etag = response.headers.get('etag');
  const modified = Date.parse(response.headers.get('last-modified') ?? '');
  const base = posix.basename(new URL(url).pathname);
  return {
    url,
    digest,
    name: safeName(base),
    ...(etag === null || etag.length > 500 ? {} : { etag }),
    ...(Number.isNaN(modified) ? {} : { lastModified: new Date(modified).toISOString() }),
  };
}

function safeName(text: string): string {
  try {
    const name = decodeURIComponent(text);
    return /^\.{0,2}$|[/\0]/.test(name) ? '' : name;
  } catch {
    return text;
  }
}

function checked(file: RemoteFile, checksum: string | undefined): RemoteFile {
  if (checksum === undefined || checksum === file.digest) return file;
  throw new LadingError('invalid_argument', `digest mismatch sha256:${file.digest.slice(7)}: ${checksum}`, {
    hint: `${shown(file.url)} holds something else than --checksum says`,
  });
}

async function request(url: string, etag: string | undefined, signal?: AbortSignal): Promise<Response> {
  let address = url;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    if (!/^https?:\/\//.test(address))
      throw new LadingError('invalid_argument', `ADD ${shown(url)}: it leads to another protocol`);
    const headers = { 'accept-encoding': 'identity', ...(etag === undefined ? {} : { 'if-none-match': etag }) };
    const response = await fetch(address, { redirect: 'manual', headers, ...(signal ? { signal } : {}) }).catch(
      (error: unknown) => {
        signal?.throwIfAborted();
        const cause = error instanceof Error ? error.cause : undefined;
        throw new LadingError('unavailable', `ADD ${shown(url)}: ${messageOf(cause ?? error)}`, { cause: error });
      },
    );
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || response.status === 304 || location === null)
      return response;
    await response.body?.cancel();
    address = new URL(location, address).href;
  }
  throw new LadingError('invalid_argument', `ADD ${shown(url)}: more than ${MAX_REDIRECTS} redirects`);
}

async function save(response: Response, path: string, signal: AbortSignal | undefined): Promise<string> {
  const sha256 = createHash('sha256');
  let size = 0;
  const body = response.body ? Readable.fromWeb(response.body as ReadableStream<Uint8Array>) : Readable.from([]);
  await pipeline(
    body,
    async function* (source: AsyncIterable<Uint8Array>) {
      for await (const chunk of source) {
        if ((size += chunk.length) > MAX_BYTES)
          throw new LadingError('resource_exhausted', `ADD: more than ${MAX_BYTES} bytes`);
        sha256.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path, { mode: 0o600 }),
    signal ? { signal } : {},
  );
  return `sha256:${sha256.digest('hex')}`;
}

/** Without user, password and query. */
function shown(url: string): string {
  try {
    const { origin, pathname } = new URL(url);
    return `"${(origin + pathname).slice(0, 300)}"`;
  } catch {
    return '"(invalid address)"';
  }
}
