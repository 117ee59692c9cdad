import type { Readable } from 'node:stream';
import type { BlobInfo, ContentIngester } from '../content/index.ts';
import type { Descriptor, Digest, Reference } from '../oci/index.ts';
import type { RegistryCredentials } from './auth/credential-source.ts';
import { fetchSmallBlob, openBlob } from './blobs/fetch-blob.ts';
import { BlobPuller, type PullBlobOptions } from './blobs/pull-blob.ts';
import {
  blobExists,
  pushBlob,
  type OpenBlobSource,
  type PushBlobOptions,
  type PushBlobResult,
} from './blobs/push-blob.ts';
import { Connection } from './connection.ts';
import { login, pingRegistry, type LoginResult } from './login.ts';
import { deleteManifest, headManifest, putManifest, resolveManifest, type ResolvedManifest } from './manifests.ts';
import type { RegistryOptions } from './options.ts';
import type { CallOptions } from './session.ts';
import { listReferrers } from './referrers.ts';
import { listTags } from './tags.ts';

const DOWNLOADS = 3;
const UPLOADS = 5;

/**
 * A client of the OCI distribution API (distribution-spec 1.1.1) for any number of registries: HTTPS, plain HTTP for
 * loopback and listed hosts, Basic and Bearer authentication, bounded and verified answers, retries with back-off.
 * Every call takes `auth` (credentials for this call only, as the Engine API's X-Registry-Auth) and `signal`.
 */
export class RegistryClient implements Disposable {
  readonly maxConcurrentDownloads: number;
  readonly maxConcurrentUploads: number;
  readonly #connection: Connection;
  readonly #puller: BlobPuller;

  /** @throws invalid_argument for an invalid insecure registry or mirror */
  constructor(options: RegistryOptions = {}) {
    this.maxConcurrentDownloads = options.maxConcurrentDownloads ?? DOWNLOADS;
    this.maxConcurrentUploads = options.maxConcurrentUploads ?? UPLOADS;
    this.#connection = new Connection(options);
    this.#puller = new BlobPuller(this.#connection);
  }

  /** The manifest or index a reference names, exactly as received; digest computed from the bytes. @throws not_found, unauthenticated, unavailable, data_loss */
  async resolve(reference: Reference, call: CallOptions = {}): Promise<ResolvedManifest> {
    return resolveManifest(this.#connection, reference, call);
  }

  /** What the registry claims a reference names, without fetching it (free under Docker Hub's limit). Not verified. */
  async head(reference: Reference, call: CallOptions = {}): Promise<Descriptor | undefined> {
    return headManifest(this.#connection, reference, call);
  }

  /** A manifest or index by digest. */
  async fetchManifest(repository: Reference, digest: Digest, call: CallOptions = {}): Promise<ResolvedManifest> {
    return resolveManifest(this.#connection, { ...repository, digest }, call);
  }

  /** A whole small blob (a config), verified. @throws invalid_argument when larger than 4 MiB */
  async fetchBlob(repository: Reference, descriptor: Descriptor, call: CallOptions = {}): Promise<Buffer> {
    return fetchSmallBlob(this.#connection, repository, descriptor, call);
  }

  /** A blob as a stream, never longer than its descriptor says, verified when read from the start. The receiver destroys it. */
  async openBlob(
    repository: Reference,
    descriptor: Descriptor,
    options: CallOptions & { readonly offset?: number } = {},
  ): Promise<Readable> {
    return openBlob(this.#connection, repository, descriptor, options);
  }

  /**
   * Brings a blob into a store, resuming what an earlier call has left and what a dropped connection interrupts.
   * @returns undefined when `has` answers that it is there by now
   * @throws not_found, unavailable, deadline_exceeded, data_loss (nothing is left behind)
   */
  async pullBlob(
    repository: Reference,
    descriptor: Descriptor,
    store: ContentIngester,
    options: PullBlobOptions = {},
  ): Promise<BlobInfo | undefined> {
    return this.#puller.pull(repository, descriptor, store, options);
  }

  async hasBlob(repository: Reference, descriptor: Descriptor, call: CallOptions = {}): Promise<boolean> {
    const blob = { reference: repository, descriptor, actions: 'pull' } as const;
    return this.#connection.write(repository, call, (endpoint) => blobExists(this.#connection, endpoint, blob, call));
  }

  /** Makes sure the repository has a blob: asks, mounts, or uploads (resumed after a failure). */
  async pushBlob(
    repository: Reference,
    descriptor: Descriptor,
    open: OpenBlobSource,
    options: PushBlobOptions = {},
  ): Promise<PushBlobResult> {
    return pushBlob(this.#connection, repository, { descriptor, open }, options);
  }

  /** Stores a manifest whose blobs are there already, under the reference's tag or its digest. @returns its digest */
  async pushManifest(
    reference: Reference,
    bytes: Uint8Array,
    mediaType: string,
    call: CallOptions = {},
  ): Promise<Digest> {
    return putManifest(this.#connection, reference, { bytes, mediaType }, call);
  }

  /** What refers to a manifest; undefined when the registry has no referrers API. */
  async referrers(repository: Reference, subject: Digest, call: CallOptions = {}): Promise<Descriptor[] | undefined> {
    return listReferrers(this.#connection, repository, subject, call);
  }

  async listTags(repository: Reference, call: CallOptions = {}): Promise<string[]> {
    return listTags(this.#connection, repository, call);
  }

  /** Removes a tag, or with a digest the manifest. @throws not_found, not_implemented when the registry forbids it */
  async deleteManifest(reference: Reference, call: CallOptions = {}): Promise<void> {
    return deleteManifest(this.#connection, reference, call);
  }

  /** Whether a registry answers there and accepts the credentials, if any. @throws unavailable, unauthenticated */
  async ping(domain: string, call: CallOptions = {}): Promise<void> {
    return pingRegistry(this.#connection, domain, call);
  }

  /** Checks credentials; keeps nothing. @throws unauthenticated */
  async login(
    domain: string,
    credentials: RegistryCredentials,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<LoginResult> {
    return login(this.#connection, domain, credentials, options);
  }

  /** Closes kept-alive connections. */
  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
