import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { LadingError } from '../errors/index.ts';
import { connectionError, errorOfResponse, isUnreachable } from './api-error.ts';
import type { Endpoint } from './endpoint.ts';
import type { Exchange } from './http/exchange.ts';
import { ConnectionPool } from './http/pool.ts';
import type { HttpResponse } from './http/response.ts';
import { formatQuery, type Query } from './query.ts';

export interface CallOptions {
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as they are, like `stream`. */
  readonly bytes?: Buffer;
  /** Sent as it is; the content type is in `headers`. */
  readonly stream?: Readable;
  readonly signal?: AbortSignal;
}

export interface TransportOptions {
  readonly endpoint: Endpoint;
  /** Path prefix, for example "/v1.47". */
  readonly prefix: string;
  /** Called once when nothing listens; when it resolves the request is made again. */
  readonly onUnreachable?: (() => Promise<void>) | undefined;
}

/**
 * HTTP/1.1 to one daemon, over kept-alive connections. Written on node:net, for loading node:http makes every start of the
 * command line more than 30 ms slower (Node 24; see docs/decisions.md).
 */
export class Transport {
  readonly endpoint: Endpoint;
  readonly #prefix: string;
  readonly #pool: ConnectionPool;
  #onUnreachable: (() => Promise<void>) | undefined;

  constructor(options: TransportOptions) {
    this.endpoint = options.endpoint;
    this.#prefix = options.prefix;
    this.#pool = new ConnectionPool(options.endpoint);
    this.#onUnreachable = options.onUnreachable;
  }

  /** The answer with its body unread. @throws LadingError for a status of 304 or ≥ 400 */
  async call(method: string, path: string, options: CallOptions = {}): Promise<HttpResponse> {
    // A streamed body cannot be sent twice, so a missing daemon is found out (and started) before it.
    if (options.stream !== undefined && this.#onUnreachable !== undefined)
      (await this.#send('GET', '/_ping', {})).response.resume();
    const { response } = await this.#send(method, path, options);
    const status = response.statusCode;
    if (status >= 400 || status === 304) throw await errorOfResponse(response);
    if (status >= 300)
      throw new LadingError('unavailable', `call the daemon: unexpected redirect to "${response.headers['location']}"`);
    return response;
  }

  /** A raw two-way connection after HTTP's upgrade (attach, exec); paused until the caller listens and resumes it. */
  async hijack(method: string, path: string, options: CallOptions = {}): Promise<Socket> {
    const headers = { Connection: 'Upgrade', Upgrade: 'tcp', ...options.headers };
    const { response, socket } = await this.#send(method, path, { ...options, headers });
    if (socket === undefined) throw await errorOfResponse(response);
    return socket;
  }

  close(): void {
    this.#pool.close();
  }

  async #send(method: string, path: string, options: CallOptions): Promise<Exchange> {
    const attempt = (): Promise<Exchange> => this.#pool.send({ method, ...this.#request(path, options) });
    try {
      return await attempt();
    } catch (error) {
      const rescue = this.#onUnreachable;
      if (rescue === undefined || !isUnreachable(error)) throw connectionError(this.endpoint, error);
      this.#onUnreachable = undefined;
      await rescue();
      return await attempt().catch((again: unknown) => {
        throw connectionError(this.endpoint, again);
      });
    }
  }

  #request(path: string, options: CallOptions) {
    const { endpoint } = this;
    const json = options.body === undefined ? undefined : JSON.stringify(options.body);
    const body = options.bytes ?? (json === undefined ? undefined : Buffer.from(json));
    return {
      path: `${path.startsWith('/_') ? '' : this.#prefix}${path}${formatQuery(options.query)}`,
      headers: {
        Host: endpoint.kind === 'unix' ? 'lading' : `${endpoint.host}:${endpoint.port}`,
        'User-Agent': 'lading',
        ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...options.headers,
      },
      body,
      stream: options.stream,
      signal: options.signal,
    };
  }
}
