import { createHash, hash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { utimes } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LadingError, isLadingError, messageOf } from '../../errors/index.ts';
import type { Collection, MetadataStore } from '../../metadata/index.ts';
import { headerValue } from '../git/git-auth.ts';
import type { Material } from '../materials.ts';
import { HttpGet } from './http-get.ts';

/** What is known of a remote file without having it. */
export interface RemoteFile {
  /** Without user and password. */
  readonly url: string;
  /** "sha256:…" of its bytes. */
  readonly digest: string;
  /** Last part of the address' path; "__unnamed__" when there is none, as in BuildKit. */
  readonly name: string;
  readonly etag?: string;
  /** RFC 3339. */
  readonly lastModified?: string;
}

export interface DownloadOptions {
  /** Where bytes that were transferred go. */
  readonly folder: string;
  readonly secrets?: ReadonlyMap<string, Uint8Array> | undefined;
  readonly signal?: AbortSignal;
}

const MAX_REDIRECTS = 10;
const MAX_BYTES = 64 * 2 ** 30;
const IDLE_MS = 60_000;
const UNNAMED = '__unnamed__';

/** Files that ADD and named contexts take from http and https addresses. */
export class Downloads {
  readonly #known: Collection<RemoteFile>;
  readonly #metadata: MetadataStore;
  readonly #idleMs: number;
  readonly #http: HttpGet;

  /** @param options `idleMs`: a server that sends nothing for so long is given up; `certificates`: PEM, trusted beside the usual ones */
  constructor(
    metadata: MetadataStore,
    options: { readonly idleMs?: number; readonly certificates?: readonly string[] | undefined } = {},
  ) {
    this.#metadata = metadata;
    this.#known = metadata.collection('build-downloads');
    this.#idleMs = options.idleMs ?? IDLE_MS;
    this.#http = new HttpGet(options.certificates);
  }

  /**
   * What the address holds now. A file with a known checksum is not asked for again; an unchanged one is not transferred.
   * When bytes were transferred they are at `path`, in `folder`.
   * @throws invalid_argument naming both digests when it is not what `checksum` says; unavailable, deadline_exceeded
   */
  async look(
    url: string,
    options: DownloadOptions & { readonly checksum?: string | undefined },
  ): Promise<{ file: RemoteFile; path?: string }> {
    const address = addressOf(url);
    const checksum = options.checksum === undefined ? undefined : checkedDigest(options.checksum);
    const known = this.#known.get(keyOf(address));
    if (known && checksum === known.digest) return { file: known };
    const response = await this.#request(address, known?.etag, options);
    if (known && response.statusCode === 304) {
      response.destroy();
      return { file: checked(known, checksum) };
    }
    return this.#receive(address, response, { ...options, checksum });
  }

  /** The bytes, for a step that has to run. */
  async fetch(url: string, file: RemoteFile, options: DownloadOptions): Promise<string> {
    const address = addressOf(url);
    const response = await this.#request(address, undefined, options);
    const { path } = await this.#receive(address, response, { ...options, checksum: file.digest });
    return path;
  }

  async #receive(
    address: Address,
    response: IncomingMessage,
    options: DownloadOptions & { readonly checksum: string | undefined },
  ): Promise<{ file: RemoteFile; path: string }> {
    const { statusCode = 0 } = response;
    if (statusCode < 200 || statusCode >= 300) {
      response.destroy();
      throw new LadingError('invalid_argument', `failed to load cache key: invalid response status ${statusCode}`, {
        hint: `from ${address.shown}`,
      });
    }
    const path = join(options.folder, randomBytes(8).toString('hex'));
    const digest = await this.#save(address, response, path, options.signal);
    const file = checked(describe(address, digest, response), options.checksum);
    const modified = file.lastModified === undefined ? new Date(0) : new Date(file.lastModified);
    await utimes(path, modified, modified);
    this.#metadata.transaction(() => this.#known.put(keyOf(address), file), { durable: false });
    return { file, path };
  }

  /** Follows redirects itself: what authorizes goes to the address' own host only. */
  async #request(address: Address, etag: string | undefined, options: DownloadOptions): Promise<IncomingMessage> {
    const authorization = authorizationOf(address, options.secrets);
    let at = address.url;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      if (at.protocol !== 'http:' && at.protocol !== 'https:')
        throw new LadingError('invalid_argument', `fetch ${address.shown}: it leads to another protocol`);
      const headers = {
        'accept-encoding': 'identity',
        ...(etag === undefined ? {} : { 'if-none-match': etag }),
        ...(authorization !== undefined && at.origin === address.url.origin ? { authorization } : {}),
      };
      const response = await this.#timed(address, options.signal, (signal) => this.#http.get(at, headers, signal));
      const { statusCode = 0, headers: answered } = response;
      const { location } = answered;
      if (statusCode < 300 || statusCode >= 400 || statusCode === 304 || location === undefined) return response;
      response.destroy();
      if (!URL.canParse(location, at.href))
        throw new LadingError('invalid_argument', `fetch ${address.shown}: it leads to no address`);
      at = new URL(location, at);
      [at.username, at.password] = ['', ''];
    }
    throw new LadingError('invalid_argument', `fetch ${address.shown}: more than ${MAX_REDIRECTS} redirects`);
  }

  async #save(
    address: Address,
    response: IncomingMessage,
    path: string,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const sha256 = createHash('sha256');
    let size = 0;
    await this.#timed(address, signal, (either, alive) =>
      pipeline(
        response,
        async function* (source: AsyncIterable<Uint8Array>) {
          for await (const chunk of source) {
            alive();
            if ((size += chunk.length) > MAX_BYTES)
              throw new LadingError('resource_exhausted', `fetch ${address.shown}: more than ${MAX_BYTES} bytes`);
            sha256.update(chunk);
            yield chunk;
          }
        },
        createWriteStream(path, { mode: 0o600 }),
        { signal: either },
      ),
    );
    return `sha256:${sha256.digest('hex')}`;
  }

  /** Runs `work`, which says with `alive` that something came; ends it when nothing does. */
  async #timed<T>(
    { shown }: Address,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal, alive: () => void) => Promise<T>,
  ): Promise<T> {
    const idle = new AbortController();
    const timer = setTimeout(() => idle.abort(), this.#idleMs);
    try {
      return await work(signal ? AbortSignal.any([signal, idle.signal]) : idle.signal, () => void timer.refresh());
    } catch (error) {
      signal?.throwIfAborted();
      if (idle.signal.aborted)
        throw new LadingError(
          'deadline_exceeded',
          `fetch ${shown}: the server sent nothing for ${this.#idleMs / 1000} s`,
          {
            cause: error,
          },
        );
      if (isLadingError(error)) throw error;
      throw new LadingError('unavailable', `fetch ${shown}: ${messageOf(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** As provenance names a downloaded file. */
export function httpMaterial({ url, digest }: RemoteFile): Material {
  return { kind: 'http', uri: url, digest: { sha256: digest.slice('sha256:'.length) } };
}

interface Address {
  /** Without user and password. */
  readonly url: URL;
  readonly userinfo: string | undefined;
  /** For messages: without query, too. */
  readonly shown: string;
}

function addressOf(text: string): Address {
  if (!URL.canParse(text)) throw new LadingError('invalid_argument', 'fetch: an address that cannot be read');
  const url = new URL(text);
  const userinfo = url.username === '' ? undefined : `${decoded(url.username)}:${decoded(url.password)}`;
  [url.username, url.password, url.hash] = ['', '', ''];
  return { url, userinfo, shown: `"${(url.origin + url.pathname).slice(0, 300)}"` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function keyOf({ url }: Address): string {
  return hash('sha256', url.href);
}

/** The secrets HTTP_AUTH_HEADER_<host> and HTTP_AUTH_TOKEN_<host>, a bearer's, as BuildKit names them; else user and password of the address. */
function authorizationOf({ url, userinfo }: Address, secrets: DownloadOptions['secrets']): string | undefined {
  const [header, token] = ['HEADER', 'TOKEN'].map((kind) => {
    const name = `HTTP_AUTH_${kind}_${url.hostname}`;
    const bytes = secrets?.get(name);
    return bytes && headerValue(name, bytes);
  });
  if (token !== undefined) return `Bearer ${token}`;
  if (header !== undefined) return header;
  return userinfo === undefined ? undefined : `Basic ${Buffer.from(userinfo).toString('base64')}`;
}

function describe(address: Address, digest: string, response: IncomingMessage): RemoteFile {
  const { etag, 'last-modified': lastModified = '' } = response.headers;
  const modified = Date.parse(lastModified);
  return {
    url: address.url.href,
    digest,
    name: nameOf(address.url),
    ...(etag === undefined || etag.length > 500 ? {} : { etag }),
    ...(Number.isNaN(modified) ? {} : { lastModified: new Date(modified).toISOString() }),
  };
}

/** Of the path alone: BuildKit gives ADD this name whatever the server's Content-Disposition says. */
function nameOf({ pathname }: URL): string {
  const name = posix.basename(decoded(pathname));
  return /^\.{0,2}$|[/\0]/.test(name) ? UNNAMED : name;
}

/** @throws invalid_argument for what is no sha256 */
function checkedDigest(text: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return text;
  throw new LadingError('invalid_argument', `invalid checksum digest format: "${text.slice(0, 200)}"`, {
    hint: '--checksum=sha256: and 64 hexadecimal digits',
  });
}

function checked(file: RemoteFile, checksum: string | undefined): RemoteFile {
  if (checksum === undefined || checksum === file.digest) return file;
  throw new LadingError('invalid_argument', `digest mismatch for ${file.url}: ${file.digest} (expected: ${checksum})`, {
    hint: 'the address holds something else than was expected',
  });
}
