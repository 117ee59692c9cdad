import { SILENT_LOG, type Log } from '../base/index.ts';
import type { Reference } from '../oci/index.ts';
import { Authorizer } from './auth/authorizer.ts';
import { ANONYMOUS } from './auth/credential-source.ts';
import { Endpoints, type Endpoint } from './endpoint.ts';
import { InsecureHosts } from './http/insecure-hosts.ts';
import { transportFailureOf } from './http/transport-failure.ts';
import { Transport } from './http/transport.ts';
import type { RegistryOptions } from './options.ts';
import { retryRequest, type RetryPolicy } from './retry-policy.ts';
import { Session, type CallOptions } from './session.ts';

const STALL_TIMEOUT_MS = 30_000;

/** What every operation needs: the session, the way to an endpoint, and how patient to be. */
export class Connection {
  readonly session: Session;
  readonly authorizer: Authorizer;
  readonly endpoints: Endpoints;
  readonly retry: RetryPolicy;
  readonly log: Log;
  readonly transport: Transport;
  readonly stallTimeoutMs: number;

  constructor(options: RegistryOptions) {
    const insecure = new InsecureHosts(options.insecureRegistries);
    const { stallTimeoutMs = STALL_TIMEOUT_MS, log = SILENT_LOG, mirrors = [], ca, retry = {} } = options;
    this.transport = new Transport({
      insecure,
      stallTimeoutMs,
      userAgent: options.userAgent ?? 'lading',
      proxyEnv: options.proxyEnv ?? process.env,
      ...(ca ? { ca } : {}),
    });
    this.stallTimeoutMs = stallTimeoutMs;
    this.retry = retry;
    this.log = log;
    this.endpoints = new Endpoints({ transport: this.transport, insecure, mirrors, stallTimeoutMs, log });
    this.authorizer = new Authorizer(this.transport, stallTimeoutMs);
    this.session = new Session(this.transport, this.authorizer, options.credentials ?? ANONYMOUS, stallTimeoutMs);
  }

  /** Runs `work` against the registry of a domain, once. */
  async atRegistry<T>(domain: string, work: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    return this.#at(await this.endpoints.registry(domain), work);
  }

  /** Runs `work` against the mirrors and then the registry until one succeeds; the registry's failure is the one that counts. */
  async atReadable<T>(domain: string, { signal }: CallOptions, work: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    for await (const endpoint of this.endpoints.readable(domain)) {
      try {
        return await this.#at(endpoint, work);
      } catch (error) {
        if (!endpoint.mirror || signal?.aborted) throw error;
        this.log.warn('registry mirror failed, trying the next', { mirror: endpoint.base.host, error: String(error) });
      }
    }
    throw new Error('unreachable: the registry itself is always the last endpoint');
  }

  /** {@link atReadable} for a small request, repeated when that is worth it. */
  async read<T>(reference: Reference, call: CallOptions, work: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    return retryRequest(this.retry, call.signal, () => this.atReadable(reference.domain, call, work));
  }

  /** {@link atRegistry} for a small request, repeated when that is worth it. */
  async write<T>(reference: Reference, call: CallOptions, work: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    return retryRequest(this.retry, call.signal, () => this.atRegistry(reference.domain, work));
  }

  close(): void {
    this.transport.close();
  }

  async #at<T>(endpoint: Endpoint, work: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    try {
      return await work(endpoint);
    } catch (error) {
      if (transportFailureOf(error)?.phase === 'connect') this.endpoints.forget(endpoint);
      throw error;
    }
  }
}

/** The scope of a repository for a token: `repository:library/alpine:pull`. */
export function repositoryScope(path: string, actions: 'pull' | 'pull,push' | 'delete' | 'pull,push,delete'): string {
  return `repository:${path}:${actions}`;
}
