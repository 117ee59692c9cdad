import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LadingError } from '../errors/index.ts';
import { connectionError, errorOfResponse, isUnreachable } from './api-error.ts';
import type { Endpoint } from './endpoint.ts';
import { formatQuery, type Query } from './query.ts';

export interface CallOptions {
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, like `stream`. */
  readonly text?: string;
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

const ENGINE_HOST = 'lading';

/** HTTP/1.1 to one daemon, over kept-alive connections. */
export class Transport {
  readonly endpoint: Endpoint;
  readonly #prefix: string;
  readonly #agent = new Agent({ keepAlive: true });
  #onUnreachable: (() => Promise<void>) | undefined;

  constructor(options: TransportOptions) {
    this.endpoint = options.endpoint;
    this.#prefix = options.prefix;
    this.#onUnreachable = options.onUnreachable;
  }

  /** The answer with its body unread. @throws LadingError for a status of 304 or ≥ 400 */
  async call(method: string, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    // A streamed body cannot be sent twice, so a missing daemon is found out (and started) before it.
    if (options.stream !== undefined && this.#onUnreachable !== undefined) await this.#ping();
    const response = await this.#withDaemon(() => this.#send(method, path, options));
    return checked(response);
  }

  /** A raw two-way connection after HTTP's upgrade (attach, exec). Bytes that came early are put back on the socket. */
  async hijack(method: string, path: string, options: CallOptions = {}): Promise<Socket> {
    const answer = await this.#withDaemon(() => this.#sendUpgrade(method, path, options));
    if ('socket' in answer) {
      if (answer.head.length > 0) answer.socket.unshift(answer.head);
      return answer.socket;
    }
    throw await errorOfResponse(answer.response);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ping(): Promise<void> {
    (await this.#withDaemon(() => this.#send('GET', '/_ping', {}))).resume();
  }

  async #withDaemon<T>(attempt: () => Promise<T>): Promise<T> {
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

  #send(method: string, path: string, options: CallOptions): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const body = bodyOf(options);
      const request = httpRequest(this.#requestOptions(method, path, options, body));
      request.on('response', resolve);
      request.on('error', reject);
      if (options.stream === undefined) request.end(body);
      else
        pipeline(options.stream, request).catch((error: unknown) => {
          // An early answer closes the request under the body; the answer is what counts.
          request.destroy();
          reject(error instanceof Error ? error : new Error(String(error)));
        });
    });
  }

  #sendUpgrade(
    method: string,
    path: string,
    options: CallOptions,
  ): Promise<{ socket: Socket; head: Buffer } | { response: IncomingMessage }> {
    return new Promise((resolve, reject) => {
      const body = bodyOf(options);
      const headers = { Connection: 'Upgrade', Upgrade: 'tcp', ...options.headers };
      const request = httpRequest({
        ...this.#requestOptions(method, path, { ...options, headers }, body),
        agent: false,
      });
      request.on('upgrade', (_response, socket: Socket, head) => resolve({ socket, head }));
      request.on('response', (response) => resolve({ response }));
      request.on('error', reject);
      request.end(body);
    });
  }

  #requestOptions(method: string, path: string, options: CallOptions, body: Buffer | undefined): RequestOptions {
    const endpoint = this.endpoint;
    return {
      ...(endpoint.kind === 'unix' ? { socketPath: endpoint.path } : { host: endpoint.host, port: endpoint.port }),
      method,
      path: `${path.startsWith('/_') ? '' : this.#prefix}${path}${formatQuery(options.query)}`,
      agent: this.#agent,
      headers: {
        Host: endpoint.kind === 'unix' ? ENGINE_HOST : `${endpoint.host}:${endpoint.port}`,
        'User-Agent': 'lading',
        ...(body === undefined
          ? method === 'POST' && options.stream === undefined
            ? { 'Content-Length': '0' }
            : {}
          : { 'Content-Type': 'application/json', 'Content-Length': String(body.length) }),
        ...options.headers,
      },
      ...(options.signal ? { signal: options.signal } : {}),
    };
  }
}

function bodyOf(options: CallOptions): Buffer | undefined {
  if (options.text !== undefined) return Buffer.from(options.text);
  return options.body === undefined ? undefined : Buffer.from(JSON.stringify(options.body));
}

async function checked(response: IncomingMessage): Promise<IncomingMessage> {
  const status = response.statusCode ?? 0;
  if (status >= 400 || status === 304) throw await errorOfResponse(response);
  if (status >= 300)
    throw new LadingError(
      'unavailable',
      `call the daemon: unexpected redirect to "${response.headers.location ?? ''}"`,
    );
  return response;
}
