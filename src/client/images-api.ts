import type { Readable } from 'node:stream';
import { pathOf, type Caller } from './caller.ts';
import type { Query } from './query.ts';
import type {
  BuildEvent,
  Credentials,
  DeletedImage,
  Filters,
  HistoryItem,
  ImageSummary,
  ProgressMessage,
  PruneReport,
} from './types.ts';

export const BUILD_EVENTS_TYPE = 'application/vnd.lading.build-events+json';

/** Where a build's files come from: a folder the daemon reads in place, or a tar sent along. */
export type BuildContext =
  | { readonly kind: 'directory'; readonly path: string; readonly dockerfileText?: string | undefined }
  | { readonly kind: 'tar'; readonly tar: Readable };

export interface BuildOptions {
  readonly query: Query;
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

  /**
   * Builds, telling what happens as it happens. The last event is `result` or `error`.
   * A folder is named by the query `lading-context`; a Dockerfile from outside it travels as the body.
   */
  build(context: BuildContext, options: BuildOptions): AsyncGenerator<BuildEvent> {
    const headers: Record<string, string> = { Accept: BUILD_EVENTS_TYPE };
    if (options.credentials !== undefined) headers['X-Registry-Config'] = encodeJson(options.credentials);
    const signal = options.signal ? { signal: options.signal } : {};
    if (context.kind === 'tar')
      return this.#caller.ndjson('POST', '/build', {
        query: options.query,
        headers: { ...headers, 'Content-Type': 'application/x-tar' },
        stream: context.tar,
        ...signal,
      });
    const query = { ...options.query, 'lading-context': context.path };
    if (context.dockerfileText === undefined)
      return this.#caller.ndjson('POST', '/build', { query, headers, ...signal });
    return this.#caller.ndjson('POST', '/build', {
      query,
      headers: { ...headers, 'Content-Type': 'text/x-dockerfile' },
      text: context.dockerfileText,
      ...signal,
    });
  }

  buildPrune(query: { all?: boolean; filters?: Filters }): Promise<PruneReport> {
    return this.#caller.json('POST', '/build/prune', { query });
  }
}

function registryAuth(credentials: Credentials | undefined): Record<string, string> {
  return credentials === undefined ? {} : { 'X-Registry-Auth': encodeJson(credentials) };
}

/** Base64url of JSON, as Docker sends credentials. */
function encodeJson(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
