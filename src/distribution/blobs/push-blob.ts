import { Transform, pipeline, type Readable } from 'node:stream';
import { LadingError } from '../../errors/index.ts';
import { familiarRepository, type Descriptor, type Reference } from '../../oci/index.ts';
import { repositoryScope, type Connection } from '../connection.ts';
import type { Endpoint } from '../endpoint.ts';
import { TransportFailure } from '../http/transport-failure.ts';
import type { TransportResponse } from '../http/transport.ts';
import { statusError } from '../registry-error.ts';
import { retryTransfer } from '../retry-policy.ts';
import type { CallOptions } from '../session.ts';
import { blobPath } from './fetch-blob.ts';

/** Opens the blob's bytes from `start` on; called again for each new attempt. */
export type OpenBlobSource = (start: number) => Promise<Readable>;

export interface PushBlobOptions extends CallOptions {
  /** Bytes handed to the registry so far. */
  readonly onProgress?: (bytes: number) => void;
  /** Repositories of the same registry that have the blob, likeliest first. */
  readonly mountFrom?: readonly string[];
}

/** How the blob came to be in the registry. */
export type PushBlobResult =
  | { readonly kind: 'exists' }
  | { readonly kind: 'mounted'; readonly from: string }
  | { readonly kind: 'pushed' };

/** Below this one request carries all; above it the bytes go separately, so that they can be continued. */
const MONOLITHIC_BYTES = 1 << 20;
/** Registries hash, or copy to an object store, before they answer the last request. */
const COMMIT_TIMEOUT_MS = 10 * 60_000;
const MAX_MOUNT_SOURCES = 3;

/** Makes sure the registry has a blob: by asking, by mounting, by uploading; an interrupted upload is continued. */
export async function pushBlob(
  connection: Connection,
  reference: Reference,
  blob: { readonly descriptor: Descriptor; readonly open: OpenBlobSource },
  options: PushBlobOptions,
): Promise<PushBlobResult> {
  const upload = new BlobUpload(connection, reference, blob.descriptor, blob.open, options);
  return retryTransfer(
    connection.retry,
    options.signal,
    () => upload.accepted,
    () => connection.atRegistry(reference.domain, (endpoint) => upload.attempt(endpoint)),
  );
}

/** Whether a repository has a blob. */
export async function blobExists(
  connection: Connection,
  endpoint: Endpoint,
  blob: { readonly reference: Reference; readonly descriptor: Descriptor; readonly actions: 'pull' | 'pull,push' },
  call: CallOptions,
): Promise<boolean> {
  const { reference, descriptor, actions } = blob;
  const { session } = connection;
  const target = blobPath(reference, descriptor.digest);
  const scopes = [repositoryScope(reference.path, actions)];
  const response = await session.send({ endpoint, method: 'HEAD', target, scopes }, call);
  const body = await session.excerptOf(response);
  if (response.status === 200) return true;
  if (response.status === 404) return false;
  throw statusError(response, body, `check blob ${descriptor.digest} in ${familiarRepository(reference)}`);
}

class BlobUpload {
  readonly #connection: Connection;
  readonly #reference: Reference;
  readonly #descriptor: Descriptor;
  readonly #open: OpenBlobSource;
  readonly #options: PushBlobOptions;
  /** The upload the registry has begun for us. */
  #location: URL | undefined;
  /** Bytes the registry is known to have. */
  accepted = 0;

  constructor(
    connection: Connection,
    reference: Reference,
    descriptor: Descriptor,
    open: OpenBlobSource,
    options: PushBlobOptions,
  ) {
    this.#connection = connection;
    this.#reference = reference;
    this.#descriptor = descriptor;
    this.#open = open;
    this.#options = options;
  }

  async attempt(endpoint: Endpoint): Promise<PushBlobResult> {
    const blob = { reference: this.#reference, descriptor: this.#descriptor, actions: 'pull,push' } as const;
    if (await blobExists(this.#connection, endpoint, blob, this.#options)) return { kind: 'exists' };
    if (this.#location) await this.#askWhereWeAre(endpoint);
    if (!this.#location) {
      const from = await this.#begin(endpoint);
      if (from !== undefined) return { kind: 'mounted', from };
    }
    if (this.#descriptor.size > MONOLITHIC_BYTES) {
      if (this.accepted < this.#descriptor.size) await this.#patch(endpoint);
      await this.#put(endpoint, false);
    } else await this.#put(endpoint, true);
    return { kind: 'pushed' };
  }

  /** Starts an upload, preferably by mounting. @returns the repository it was mounted from */
  async #begin(endpoint: Endpoint): Promise<string | undefined> {
    this.accepted = 0;
    const { path } = this.#reference;
    const sources = (this.#options.mountFrom ?? []).filter((source) => source !== path).slice(0, MAX_MOUNT_SOURCES);
    for (const source of [...sources, undefined]) {
      const query = source === undefined ? '' : `?mount=${this.#descriptor.digest}&from=${encodeURIComponent(source)}`;
      const response = await this.#send(endpoint, {
        method: 'POST',
        target: `v2/${path}/blobs/uploads/${query}`,
        extraScopes: source === undefined ? [] : [repositoryScope(source, 'pull')],
      });
      if (response.status === 201 && source !== undefined) return source;
      // Not mounted, but an upload was begun instead: use it.
      if (response.status === 202) return void this.#follow(response);
      if (source === undefined) throw statusError(response, response.excerpt, this.#attempted());
    }
    return undefined;
  }

  /** Continues where the registry says it is; begins anew when it has forgotten the upload. */
  async #askWhereWeAre(endpoint: Endpoint): Promise<void> {
    const target = this.#location as URL;
    const response = await this.#send(endpoint, { method: 'GET', target });
    this.#location = undefined;
    const last = /^(?:bytes=)?0-([0-9]+)$/.exec(String(response.headers['range'] ?? ''))?.[1];
    if (response.status !== 204 && response.status !== 202) return;
    // "0-0" stands for one byte as well as for none: none is the safe reading only for a new upload, so begin one.
    if (last === undefined || last === '0' || Number(last) >= this.#descriptor.size) return;
    this.accepted = Number(last) + 1;
    this.#location = target;
    this.#follow(response);
  }

  async #patch(endpoint: Endpoint): Promise<void> {
    const { size } = this.#descriptor;
    const start = this.accepted;
    const response = await this.#send(endpoint, {
      method: 'PATCH',
      target: this.#location as URL,
      headers: {
        'content-type': 'application/octet-stream',
        ...(start > 0 ? { 'content-range': `${start}-${size - 1}` } : {}),
      },
      start,
    });
    if (response.status !== 202 && response.status !== 204) throw this.#refused(response);
    this.accepted = size;
    this.#follow(response);
  }

  async #put(endpoint: Endpoint, withBody: boolean): Promise<void> {
    const target = new URL(this.#location as URL);
    target.searchParams.set('digest', this.#descriptor.digest);
    const response = await this.#send(endpoint, {
      method: 'PUT',
      target,
      headers: { 'content-type': 'application/octet-stream' },
      ...(withBody ? { start: 0 } : {}),
    });
    if (response.status !== 201 && response.status !== 204) throw this.#refused(response);
  }

  /** An upload that was refused is not continued; one the registry has lost or sees elsewhere is begun anew. */
  #refused(response: TransportResponse & { readonly excerpt: string }): LadingError {
    this.#location = undefined;
    this.accepted = 0;
    const error = statusError(response, response.excerpt, this.#attempted());
    if (response.status !== 404 && response.status !== 416) return error;
    return new LadingError('unavailable', error.message, { cause: new TransportFailure(error.message, 'exchange') });
  }

  #follow({ headers, url }: TransportResponse): void {
    const location = headers.location;
    if (location !== undefined && URL.canParse(location, url.href)) this.#location = new URL(location, url);
    else if (!this.#location)
      throw new LadingError('unavailable', `${this.#attempted()}: the registry names no place to upload to`);
  }

  async #send(
    endpoint: Endpoint,
    request: {
      readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT';
      readonly target: string | URL;
      readonly headers?: Readonly<Record<string, string>>;
      readonly extraScopes?: readonly string[];
      /** Send the blob from here on. */
      readonly start?: number;
    },
  ): Promise<TransportResponse & { readonly excerpt: string }> {
    const { start, extraScopes = [], ...rest } = request;
    const { session } = this.#connection;
    const scopes = [repositoryScope(this.#reference.path, 'pull,push'), ...extraScopes];
    const body = start === undefined ? {} : { body: this.#body(start) };
    const response = await session.send(
      { endpoint, scopes, ...rest, ...body, answerTimeoutMs: COMMIT_TIMEOUT_MS },
      this.#options,
    );
    return { ...response, excerpt: await session.excerptOf(response) };
  }

  #body(start: number): { open: () => Promise<Readable>; size: number } {
    const { size } = this.#descriptor;
    const open = async (): Promise<Readable> =>
      pipeline(await this.#open(start), this.#counter(start), () => undefined);
    return { open, size: size - start };
  }

  /** Reports progress, and refuses a source that is not as long as the descriptor says: the registry would wait for the rest. */
  #counter(start: number): Transform {
    const { size } = this.#descriptor;
    let sent = start;
    const wrongLength = (): LadingError =>
      new LadingError('data_loss', `${this.#attempted()}: the source has other than ${size} bytes`);
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        sent += chunk.length;
        if (sent > size) return done(wrongLength());
        this.#options.onProgress?.(sent);
        done(null, chunk);
      },
      flush: (done) => done(sent === size ? null : wrongLength()),
    });
  }

  #attempted(): string {
    return `push blob ${this.#descriptor.digest} to ${familiarRepository(this.#reference)}`;
  }
}
