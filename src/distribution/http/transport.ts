import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type AgentOptions } from 'node:https';
import type { Readable } from 'node:stream';
import * as tls from 'node:tls';
import { LadingError, errnoOf, toLadingError } from '../../errors/index.ts';
import { isLoopback, type InsecureHosts } from './insecure-hosts.ts';
import { cancelledError, networkError, stalledError } from './network-error.ts';

export type Headers = Readonly<Record<string, string>>;

/** A request body: bytes in memory, or a stream of known length that can be opened again. */
export type RequestBody =
  | { readonly bytes: Uint8Array }
  | { readonly open: () => Promise<Readable>; readonly size: number };

export interface TransportRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Headers;
  readonly body?: RequestBody;
  /** How long the registry may take to answer once the whole request was sent; default the transport's stall time. */
  readonly answerTimeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** An answer whose body has not been read. Whoever gets it reads or destroys `body`. */
export interface TransportResponse {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: IncomingMessage;
  readonly url: URL;
}

export interface TransportOptions {
  readonly insecure: InsecureHosts;
  readonly userAgent: string;
  /** PEM certificates to trust beside the usual ones. */
  readonly ca?: readonly string[];
  /** Longest silence tolerated while connecting, sending or waiting for the answer. */
  readonly stallTimeoutMs: number;
  /** Where proxy settings come from (needs Node 24.5). */
  readonly proxyEnv?: NodeJS.ProcessEnv;
}

const MAX_SOCKETS_PER_HOST = 16;

/** One HTTP exchange at a time over kept-alive connections: no authentication, no redirects, no retries. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #agents = new Map<string, HttpAgent>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** @throws unavailable, deadline_exceeded or cancelled when no answer came */
  async send(request: TransportRequest): Promise<TransportResponse> {
    const { signal, url } = request;
    for (let attempt = 1; ; attempt++) {
      if (signal?.aborted) throw cancelledError(url.host, signal);
      try {
        return await this.#exchange(request);
      } catch (error) {
        if (error instanceof StaleConnection && attempt <= MAX_SOCKETS_PER_HOST) continue;
        if (error instanceof LadingError) throw error;
        if (signal?.aborted) throw cancelledError(url.host, signal);
        throw networkError(error instanceof StaleConnection ? error.cause : error, url.host);
      }
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async #exchange(request: TransportRequest): Promise<TransportResponse> {
    const { method, url, headers = {}, body, signal } = request;
    const length = body === undefined ? undefined : 'bytes' in body ? body.bytes.length : body.size;
    const outgoing = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method,
      agent: this.#agentFor(url),
      headers: {
        'user-agent': this.#options.userAgent,
        // Bytes are digested as they arrive, so no proxy may compress them once more.
        'accept-encoding': 'identity',
        ...(length === undefined ? (method === 'POST' ? { 'content-length': '0' } : {}) : { 'content-length': length }),
        ...headers,
      },
      ...(signal ? { signal } : {}),
    });
    const answer = this.#answerTo(outgoing, request);
    answer.catch(() => undefined);
    if (body !== undefined && 'open' in body) await sendStream(outgoing, body.open, answer);
    else outgoing.end(body?.bytes);
    return answer;
  }

  #answerTo(outgoing: ClientRequest, request: TransportRequest): Promise<TransportResponse> {
    const { url, body, signal } = request;
    const { stallTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      let timeoutMs = stallTimeoutMs;
      const wait = (ms: number): void => void outgoing.setTimeout((timeoutMs = ms));
      wait(stallTimeoutMs);
      outgoing.on('timeout', () => outgoing.destroy(stalledError(url.host, timeoutMs)));
      outgoing.on('finish', () => wait(request.answerTimeoutMs ?? stallTimeoutMs));
      outgoing.on('error', (error) => {
        const stale = outgoing.reusedSocket && errnoOf(error) === 'ECONNRESET' && !signal?.aborted;
        reject(stale && (body === undefined || 'bytes' in body) ? new StaleConnection(error) : error);
      });
      outgoing.on('response', (response) => {
        outgoing.setTimeout(0);
        // Whoever reads the body sees its errors; one nobody reads any more must not end the process.
        response.on('error', () => undefined);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: response, url });
      });
    });
  }

  #agentFor(url: URL): HttpAgent {
    const insecure = this.#options.insecure.allows(url.host);
    const direct = isLoopback(url.host);
    const key = `${url.protocol} ${insecure} ${direct}`;
    let agent = this.#agents.get(key);
    if (agent === undefined) this.#agents.set(key, (agent = this.#newAgent(url.protocol, insecure, direct)));
    return agent;
  }

  #newAgent(protocol: string, insecure: boolean, direct: boolean): HttpAgent {
    const { ca, proxyEnv } = this.#options;
    const common = {
      keepAlive: true,
      maxSockets: MAX_SOCKETS_PER_HOST,
      scheduling: 'lifo',
      ...(direct || proxyEnv === undefined ? {} : { proxyEnv }),
    } satisfies AgentOptions;
    if (protocol === 'http:') return new HttpAgent(common);
    return new HttpsAgent({
      ...common,
      rejectUnauthorized: !insecure,
      ...(ca === undefined || ca.length === 0 ? {} : { ca: [...tls.getCACertificates('default'), ...ca] }),
    });
  }
}

/** The registry closed a kept-alive connection just as it was used again: nothing was processed, so ask once more. */
class StaleConnection extends Error {
  constructor(cause: unknown) {
    super('stale connection', { cause });
  }
}

/** Sends the stream, or as much of it as the registry wants: an early answer ends the sending but can still be read. */
async function sendStream(
  outgoing: ClientRequest,
  open: () => Promise<Readable>,
  answer: Promise<TransportResponse>,
): Promise<void> {
  let source: Readable;
  try {
    source = await open();
  } catch (error) {
    outgoing.destroy();
    throw error;
  }
  let failure: Error | undefined;
  source.on('error', (error) => outgoing.destroy((failure = error)));
  source.pipe(outgoing);
  const response = await answer.catch(() => undefined);
  if (!source.readableEnded) {
    source.unpipe(outgoing);
    source.destroy();
    response?.body.on('close', () => outgoing.destroy());
  }
  if (failure) throw toLadingError(failure, 'read what is to be sent');
}
