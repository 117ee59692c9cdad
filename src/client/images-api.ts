import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pathOf, type Caller } from './caller.ts';
import type { Query } from './query.ts';
import type {
  Attestation,
  BuildEvent,
  BuildPruneQuery,
  BuildSettings,
  Credentials,
  DeletedImage,
  Filters,
  HistoryItem,
  ImageSummary,
  ProgressMessage,
  PruneReport,
  RebuildRequest,
  RebuildVerdict,
} from './types.ts';

const BUILD_EVENTS_TYPE = 'application/vnd.lading.build-events+json';

const BUILD_REQUEST_TYPE = 'application/vnd.lading.build-request';

/** Where a build's files come from: a folder the daemon reads in place, a tar sent along, or a Git address it fetches. */
export type BuildContext =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'tar'; readonly tar: Readable }
  | { readonly kind: 'git' | 'http'; readonly address: string };

export interface BuildOptions {
  /** Per registry. */
  readonly credentials?: Readonly<Record<string, Credentials>>;
  readonly signal?: AbortSignal;
}

/** `/images`, `/build`, `/distribution`. */
export class ImagesApi {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  list(query: { all?: boolean; filters?: Filters; digests?: boolean }): Promise<ImageSummary[]> {
    return this.#caller.json('GET', '/images/json', { query });
  }

  inspect(ref: string): Promise<Record<string, unknown>> {
    return this.#caller.json('GET', `/images/${pathOf(ref)}/json`);
  }

  history(ref: string): Promise<HistoryItem[]> {
    return this.#caller.json('GET', `/images/${pathOf(ref)}/history`);
  }

  /** What is attached to an image. */
  attestations(ref: string, query: { type?: string; statement?: boolean } = {}): Promise<Attestation[]> {
    return this.#caller.json('GET', `/images/${pathOf(ref)}/attestations`, { query });
  }

  /** `fromImage` with `tag` (a tag or a digest). Errors come as messages. */
  pull(
    query: { fromImage: string; tag?: string | undefined; platform?: string | undefined },
    options: { credentials?: Credentials | undefined; signal?: AbortSignal } = {},
  ): AsyncGenerator<ProgressMessage> {
    return this.#caller.ndjson('POST', '/images/create', {
      query,
      headers: registryAuth(options.credentials),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  push(
    name: string,
    tag: string,
    options: { credentials?: Credentials | undefined; signal?: AbortSignal } = {},
  ): AsyncGenerator<ProgressMessage> {
    return this.#caller.ndjson('POST', `/images/${pathOf(name)}/push`, {
      query: { tag },
      headers: { 'X-Registry-Auth': encodeJson(options.credentials ?? {}) },
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  async tag(ref: string, query: { repo: string; tag: string }): Promise<void> {
    await this.#caller.json('POST', `/images/${pathOf(ref)}/tag`, { query });
  }

  remove(ref: string, query: { force?: boolean; noprune?: boolean }): Promise<DeletedImage[]> {
    return this.#caller.json('DELETE', `/images/${pathOf(ref)}`, { query });
  }

  prune(filters: Filters): Promise<PruneReport> {
    return this.#caller.json('POST', '/images/prune', { query: { filters } });
  }

  save(names: readonly string[]): Promise<Readable> {
    return this.#caller.call('GET', '/images/get', { query: { names } });
  }

  load(tar: Readable, query: { quiet?: boolean }): AsyncGenerator<ProgressMessage> {
    return this.#caller.ndjson('POST', '/images/load', {
      query,
      stream: tar,
      headers: { 'Content-Type': 'application/x-tar' },
    });
  }

  /** A root file system tar as an image of one layer. */
  import(tar: Readable | undefined, query: Query & { fromSrc: string }): AsyncGenerator<ProgressMessage> {
    return this.#caller.ndjson('POST', '/images/create', {
      query,
      ...(tar === undefined ? {} : { stream: tar, headers: { 'Content-Type': 'application/x-tar' } }),
    });
  }

  distribution(ref: string, credentials?: Credentials): Promise<Record<string, unknown>> {
    return this.#caller.json('GET', `/distribution/${pathOf(ref)}/json`, { headers: registryAuth(credentials) });
  }

  /** Builds, telling what happens as it happens. The last event is `result` or `error`. */
  build(context: BuildContext, settings: BuildSettings, options: BuildOptions = {}): AsyncGenerator<BuildEvent> {
    return this.#caller.ndjson('POST', '/build', {
      headers: { Accept: BUILD_EVENTS_TYPE, 'Content-Type': BUILD_REQUEST_TYPE },
      ...buildBody(context, settings, options.credentials),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  /** Builds an image again from its provenance and compares. The last event is `verdict` or `error`. */
  rebuild(
    ref: string,
    request: RebuildRequest,
    options: { signal?: AbortSignal } = {},
  ): AsyncGenerator<BuildEvent | RebuildVerdict> {
    return this.#caller.ndjson('POST', `/lading/rebuild/${pathOf(ref)}`, {
      body: { ...request, secrets: base64Of(request.secrets ?? {}) },
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  /** A shell in the failed step that a `debug` event named. */
  failedStepShell(id: string, query: { h: number; w: number }): Promise<Socket> {
    return this.#caller.hijack('POST', `/lading/build/debug/${pathOf(id)}/shell`, { query });
  }

  async failedStepResize(id: string, query: { h: number; w: number }): Promise<void> {
    await this.#caller.json('POST', `/lading/build/debug/${pathOf(id)}/resize`, { query });
  }

  /** The output that an `export` event of a running build announced, once. Breaks off when the build fails. */
  buildExport(id: string): Promise<Readable> {
    return this.#caller.call('GET', `/lading/build/exports/${pathOf(id)}`);
  }

  /** Sizes in bytes; 0 and undefined are no limit. `dryRun` only tells, `details` asks for the bill. */
  buildPrune(query: BuildPruneQuery): Promise<PruneReport> {
    const { all, filters, reservedBytes, maxUsedBytes, minFreeBytes, dryRun, details } = query;
    const limits = { 'reserved-space': reservedBytes, 'max-used-space': maxUsedBytes, 'min-free-space': minFreeBytes };
    const own = { 'lading-dry-run': dryRun, 'lading-details': details };
    return this.#caller.json('POST', '/build/prune', { query: { all, filters, ...limits, ...own } });
  }
}

function registryAuth(credentials: Credentials | undefined): Record<string, string> {
  return credentials === undefined ? {} : { 'X-Registry-Auth': encodeJson(credentials) };
}

/** Base64url of JSON, as Docker sends credentials. */
function encodeJson(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Length, settings as JSON, then the tar if there is one. */
function buildBody(
  context: BuildContext,
  { secrets = {}, ...settings }: BuildSettings,
  credentials: BuildOptions['credentials'],
): { bytes: Buffer } | { stream: Readable } {
  const { tar, ...source } = { tar: undefined, ...context };
  const document = Buffer.from(
    JSON.stringify({ ...settings, context: source, secrets: base64Of(secrets), credentials }),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32BE(document.length);
  const head = Buffer.concat([length, document]);
  return tar === undefined ? { bytes: head } : { stream: Readable.from(joined(head, tar)) };
}

function base64Of(secrets: Readonly<Record<string, Uint8Array>>): Record<string, string> {
  const texts = Object.entries(secrets).map(([id, bytes]) => [id, Buffer.from(bytes).toString('base64')]);
  return Object.fromEntries(texts);
}

async function* joined(head: Buffer, tar: Readable): AsyncGenerator<Buffer> {
  yield head;
  yield* tar as AsyncIterable<Buffer>;
}
