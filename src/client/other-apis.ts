import { pathOf, type Caller } from './caller.ts';
import type {
  Credentials,
  DiskUsage,
  EndpointSettings,
  EngineEvent,
  Filters,
  NetworkSummary,
  PruneReport,
  VolumeSummary,
} from './types.ts';

/** `/networks`. */
export class NetworksApi {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  list(filters: Filters = {}): Promise<NetworkSummary[]> {
    return this.#caller.json('GET', '/networks', { query: { filters } });
  }

  inspect(ref: string): Promise<Record<string, unknown>> {
    return this.#caller.json('GET', `/networks/${pathOf(ref)}`);
  }

  create(body: Readonly<Record<string, unknown>>): Promise<{ Id: string; Warning?: string }> {
    return this.#caller.json('POST', '/networks/create', { body });
  }

  async remove(ref: string): Promise<void> {
    await this.#caller.json('DELETE', `/networks/${pathOf(ref)}`);
  }

  async connect(ref: string, container: string, endpoint: EndpointSettings): Promise<void> {
    await this.#caller.json('POST', `/networks/${pathOf(ref)}/connect`, {
      body: { Container: container, EndpointConfig: endpoint },
    });
  }

  async disconnect(ref: string, container: string, force: boolean): Promise<void> {
    await this.#caller.json('POST', `/networks/${pathOf(ref)}/disconnect`, {
      body: { Container: container, Force: force },
    });
  }

  prune(filters: Filters): Promise<PruneReport> {
    return this.#caller.json('POST', '/networks/prune', { query: { filters } });
  }
}

/** `/volumes`. */
export class VolumesApi {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async list(filters: Filters = {}): Promise<VolumeSummary[]> {
    const answer = await this.#caller.json<{ Volumes: VolumeSummary[] | null }>('GET', '/volumes', {
      query: { filters },
    });
    return answer.Volumes ?? [];
  }

  inspect(name: string): Promise<Record<string, unknown>> {
    return this.#caller.json('GET', `/volumes/${pathOf(name)}`);
  }

  create(body: Readonly<Record<string, unknown>>): Promise<VolumeSummary> {
    return this.#caller.json('POST', '/volumes/create', { body });
  }

  async remove(name: string, force: boolean): Promise<void> {
    await this.#caller.json('DELETE', `/volumes/${pathOf(name)}`, { query: { force } });
  }

  prune(filters: Filters): Promise<PruneReport> {
    return this.#caller.json('POST', '/volumes/prune', { query: { filters } });
  }
}

/** `/version`, `/info`, `/events`, `/system/df`, `/auth`. */
export class SystemApi {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async ping(): Promise<void> {
    (await this.#caller.call('GET', '/_ping')).resume();
  }

  version(): Promise<Record<string, unknown>> {
    return this.#caller.json('GET', '/version');
  }

  info(): Promise<Record<string, unknown>> {
    return this.#caller.json('GET', '/info');
  }

  diskUsage(type?: string): Promise<DiskUsage> {
    return this.#caller.json('GET', '/system/df', { query: { type } });
  }

  events(
    query: { since?: string | undefined; until?: string | undefined; filters?: Filters },
    signal?: AbortSignal,
  ): AsyncGenerator<EngineEvent> {
    return this.#caller.ndjson('GET', '/events', { query, ...(signal ? { signal } : {}) });
  }

  auth(credentials: Credentials): Promise<{ Status: string; IdentityToken?: string }> {
    return this.#caller.json('POST', '/auth', { body: credentials });
  }
}
