import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { LadingError } from '../errors/index.ts';
import { readJson } from './body.ts';
import { pathOf, type Caller } from './caller.ts';
import type { HostConfig } from './container-config.ts';
import type { Query } from './query.ts';
import type {
  ContainerInspect,
  ContainerSummary,
  CreateContainerBody,
  Filters,
  PathStat,
  PruneReport,
  WaitResult,
} from './types.ts';

export interface AttachQuery extends Query {
  readonly stream?: boolean;
  readonly logs?: boolean;
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly detachKeys?: string | undefined;
}

/** `/containers` and `/exec`. References are names, ids or prefixes of ids. */
export class ContainersApi {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  list(query: { all?: boolean; size?: boolean; limit?: number; filters?: Filters }): Promise<ContainerSummary[]> {
    return this.#caller.json('GET', '/containers/json', { query });
  }

  create(
    body: CreateContainerBody,
    query: { name?: string | undefined; platform?: string | undefined },
  ): Promise<{ Id: string; Warnings: string[] | null }> {
    return this.#caller.json('POST', '/containers/create', { query, body });
  }

  inspect(ref: string, query: { size?: boolean } = {}): Promise<ContainerInspect> {
    return this.#caller.json('GET', `/containers/${pathOf(ref)}/json`, { query });
  }

  /** Any of the calls without answer: start, stop, restart, kill, pause, unpause, rename, resize. */
  async act(ref: string, action: string, query: Query = {}): Promise<void> {
    await this.#caller.json('POST', `/containers/${pathOf(ref)}/${action}`, { query });
  }

  async remove(ref: string, query: { force?: boolean; v?: boolean; link?: boolean }): Promise<void> {
    await this.#caller.json('DELETE', `/containers/${pathOf(ref)}`, { query });
  }

  /**
   * Resolves as soon as the daemon watches the container, so that no exit is missed;
   * `exit` resolves with the outcome.
   */
  async wait(
    ref: string,
    condition: 'not-running' | 'next-exit' | 'removed',
    signal?: AbortSignal,
  ): Promise<{ exit: Promise<WaitResult> }> {
    const response = await this.#caller.call('POST', `/containers/${pathOf(ref)}/wait`, {
      query: { condition },
      ...(signal ? { signal } : {}),
    });
    const exit = readJson(response) as Promise<WaitResult>;
    exit.catch(() => undefined);
    return { exit };
  }

  attach(ref: string, query: AttachQuery): Promise<Socket> {
    return this.#caller.hijack('POST', `/containers/${pathOf(ref)}/attach`, { query });
  }

  /** Multiplexed frames unless the container has a terminal. */
  logs(ref: string, query: Query, signal?: AbortSignal): Promise<Readable> {
    return this.#caller.call('GET', `/containers/${pathOf(ref)}/logs`, { query, ...(signal ? { signal } : {}) });
  }

  top(ref: string, psArgs: string): Promise<{ Titles: string[]; Processes: string[][] | null }> {
    return this.#caller.json('GET', `/containers/${pathOf(ref)}/top`, {
      query: { ps_args: psArgs === '' ? undefined : psArgs },
    });
  }

  diff(ref: string): Promise<{ Path: string; Kind: 0 | 1 | 2 }[] | null> {
    return this.#caller.json('GET', `/containers/${pathOf(ref)}/changes`);
  }

  update(ref: string, body: HostConfig): Promise<{ Warnings: string[] | null }> {
    return this.#caller.json('POST', `/containers/${pathOf(ref)}/update`, { body });
  }

  export(ref: string): Promise<Readable> {
    return this.#caller.call('GET', `/containers/${pathOf(ref)}/export`);
  }

  commit(query: Query & { container: string }): Promise<{ Id: string }> {
    return this.#caller.json('POST', '/commit', { query });
  }

  prune(filters: Filters): Promise<PruneReport> {
    return this.#caller.json('POST', '/containers/prune', { query: { filters } });
  }

  /** @throws not_found when the path does not exist in the container */
  async stat(ref: string, path: string): Promise<PathStat> {
    const response = await this.#caller.call('HEAD', `/containers/${pathOf(ref)}/archive`, { query: { path } });
    response.resume();
    return parseStat(response.headers['x-docker-container-path-stat']);
  }

  /** A tar of the path. */
  async download(ref: string, path: string): Promise<{ stat: PathStat; tar: Readable }> {
    const response = await this.#caller.call('GET', `/containers/${pathOf(ref)}/archive`, { query: { path } });
    return { stat: parseStat(response.headers['x-docker-container-path-stat']), tar: response };
  }

  /** Unpacks a tar into a folder of the container. */
  async upload(ref: string, path: string, tar: Readable, query: Query = {}): Promise<void> {
    await this.#caller.json('PUT', `/containers/${pathOf(ref)}/archive`, {
      query: { path, ...query },
      stream: tar,
      headers: { 'Content-Type': 'application/x-tar' },
    });
  }

  execCreate(ref: string, body: Readonly<Record<string, unknown>>): Promise<{ Id: string }> {
    return this.#caller.json('POST', `/containers/${pathOf(ref)}/exec`, { body });
  }

  execAttach(id: string, body: { Tty: boolean; ConsoleSize?: readonly [number, number] }): Promise<Socket> {
    return this.#caller.hijack('POST', `/exec/${id}/start`, { body: { Detach: false, ...body } });
  }

  async execStartDetached(id: string, body: { Tty: boolean }): Promise<void> {
    await this.#caller.json('POST', `/exec/${id}/start`, { body: { Detach: true, ...body } });
  }

  execInspect(id: string): Promise<{ ExitCode: number | null; Running: boolean; Pid: number }> {
    return this.#caller.json('GET', `/exec/${id}/json`);
  }

  async execResize(id: string, query: { h: number; w: number }): Promise<void> {
    await this.#caller.json('POST', `/exec/${id}/resize`, { query });
  }
}

function parseStat(header: string | string[] | undefined): PathStat {
  try {
    return JSON.parse(Buffer.from(String(header), 'base64').toString('utf8')) as PathStat;
  } catch (error) {
    throw new LadingError('internal', 'read the path stat the daemon sent: not base64 JSON', { cause: error });
  }
}
