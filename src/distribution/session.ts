import { LadingError } from '../errors/index.ts';
import type { Authorizer } from './auth/authorizer.ts';
import { parseChallenges } from './auth/challenge.ts';
import { hasCredentials, type CredentialSource, type RegistryCredentials } from './auth/credential-source.ts';
import type { Endpoint } from './endpoint.ts';
import { readExcerpt, type BodyLimits } from './http/bounded-body.ts';
import { cancelledError } from './http/network-error.ts';
import type { Headers, RequestBody, Transport, TransportResponse } from './http/transport.ts';
import { statusError } from './registry-error.ts';

export interface SessionRequest {
  readonly endpoint: Endpoint;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the endpoint (`v2/…`), or a URL the registry has handed out. */
  readonly target: string | URL;
  readonly scopes: readonly string[];
  readonly headers?: Headers;
  readonly body?: RequestBody;
  readonly answerTimeoutMs?: number;
}

/** Whose request it is, and when to stop. */
export interface CallOptions {
  readonly auth?: RegistryCredentials | undefined;
  readonly signal?: AbortSignal | undefined;
}

const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];

/** Sends authorised requests: answers challenges, follows redirects of reads. Statuses are the caller's to judge. */
export class Session {
  readonly #transport: Transport;
  readonly #authorizer: Authorizer;
  readonly #credentials: CredentialSource;
  readonly #stallTimeoutMs: number;

  constructor(transport: Transport, authorizer: Authorizer, credentials: CredentialSource, stallTimeoutMs: number) {
    this.#transport = transport;
    this.#authorizer = authorizer;
    this.#credentials = credentials;
    this.#stallTimeoutMs = stallTimeoutMs;
  }

  async send(request: SessionRequest, call: CallOptions): Promise<TransportResponse> {
    const { endpoint } = request;
    const url = new URL(request.target, endpoint.base);
    refuseDowngrade(endpoint.base, url);
    const credentials = await this.#credentialsFor(endpoint, call);
    const authorize = (refused?: string): Promise<string | undefined> =>
      url.origin !== endpoint.base.origin
        ? Promise.resolve(undefined)
        : this.#authorizer.authorization({
            registry: endpoint.base,
            challenges: endpoint.challenges,
            scopes: request.scopes,
            credentials,
            refused,
            signal: call.signal,
          });
    const authorization = await authorize();
    const first = await this.#sendOnce(request, url, authorization, call);
    if (first.status !== 401 || url.origin !== endpoint.base.origin) return first;
    const challenges = parseChallenges(first.headers['www-authenticate']);
    if (challenges.length > 0) endpoint.challenges = challenges;
    const second = await authorize(authorization);
    if (second === undefined || second === authorization) return first;
    await this.excerptOf(first);
    return this.#sendOnce(request, url, second, call);
  }

  /** Sends and throws unless the status is one of `wanted`. */
  async expect(
    request: SessionRequest,
    call: CallOptions,
    wanted: readonly number[],
    attempted: string,
  ): Promise<TransportResponse> {
    const response = await this.send(request, call);
    if (wanted.includes(response.status)) return response;
    throw statusError(response, await this.excerptOf(response), attempted);
  }

  /** The first 64 KiB of a body, which is then done with. */
  async excerptOf(response: TransportResponse): Promise<string> {
    return readExcerpt(response.body, this.limitsOf(response));
  }

  limitsOf(response: TransportResponse, signal?: AbortSignal): BodyLimits {
    return { host: response.url.host, stallTimeoutMs: this.#stallTimeoutMs, signal };
  }

  async #credentialsFor(endpoint: Endpoint, call: CallOptions): Promise<RegistryCredentials | undefined> {
    // What a caller brings is meant for the registry named in the reference, never for a mirror of it.
    if (hasCredentials(call.auth) && !endpoint.mirror) return call.auth;
    return this.#credentials.get(endpoint.credentialKey);
  }

  async #sendOnce(
    request: SessionRequest,
    target: URL,
    authorization: string | undefined,
    { signal }: CallOptions,
  ): Promise<TransportResponse> {
    const { method, body, answerTimeoutMs, headers } = request;
    let url = target;
    for (let redirects = 0; ; redirects++) {
      if (signal?.aborted) throw cancelledError(url.host, signal);
      const authorized = authorization !== undefined && url.origin === target.origin;
      const response = await this.#transport.send({
        method,
        url,
        headers: authorized ? { ...headers, authorization } : { ...headers },
        signal,
        ...(body === undefined ? {} : { body }),
        ...(answerTimeoutMs === undefined ? {} : { answerTimeoutMs }),
      });
      if (!REDIRECTS.includes(response.status)) return response;
      await this.excerptOf(response);
      url = this.#redirectTarget(method, url, response, redirects);
    }
  }

  #redirectTarget(method: string, from: URL, response: TransportResponse, redirects: number): URL {
    const attempted = `${method} "${from.host}${from.pathname}"`;
    const location = response.headers.location ?? '';
    if ((method !== 'GET' && method !== 'HEAD') || !URL.canParse(location, from.href))
      throw new LadingError('unavailable', `${attempted}: unexpected redirect to "${location.slice(0, 200)}"`);
    if (redirects >= MAX_REDIRECTS)
      throw new LadingError('unavailable', `${attempted}: more than ${MAX_REDIRECTS} redirects`);
    const to = new URL(location, from);
    refuseDowngrade(from, to);
    return to;
  }
}

/** A registry reached over TLS may not send its client away to plain HTTP, nor to anything that is not HTTP. */
function refuseDowngrade(from: URL, to: URL): void {
  if (to.username !== '' || to.password !== '') to.username = to.password = '';
  if (to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:')) return;
  throw new LadingError(
    'unavailable',
    `contact registry "${from.host}": it refers to "${to.protocol}//${to.host}", and HTTPS may not be left`,
    { hint: 'the registry, or a proxy in front of it, is misconfigured: it must hand out https URLs' },
  );
}
