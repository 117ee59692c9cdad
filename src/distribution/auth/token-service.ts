import { LadingError } from '../../errors/index.ts';
import { parseJson } from '../../oci/index.ts';
import { readBounded, readExcerpt } from '../http/bounded-body.ts';
import type { Transport, TransportResponse } from '../http/transport.ts';
import { statusError } from '../registry-error.ts';
import type { Challenge } from './challenge.ts';
import { basicAuthorization, type RegistryCredentials } from './credential-source.ts';

export interface TokenRequest {
  readonly challenge: Challenge;
  /** The registry that asked, for the rule that a token is never fetched over a weaker connection than its own. */
  readonly registry: URL;
  readonly scopes: readonly string[];
  readonly credentials: RegistryCredentials | undefined;
  /** Ask for a refresh token too (login). */
  readonly offline?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface AccessToken {
  readonly token: string;
  readonly expiresAt: number;
  readonly refreshToken: string | undefined;
}

const CLIENT_ID = 'lading';
const MAX_TOKEN_ANSWER = 1 << 20;
/** The token specification's default life, and what is cut off so that no token dies on its way. */
const DEFAULT_LIFE_S = 60;
const MARGIN_S = 10;

/** Asks a token service for an access token: GET (distribution token spec), or OAuth 2 POST with an identity token. */
export async function fetchToken(
  transport: Transport,
  request: TokenRequest,
  stallTimeoutMs: number,
): Promise<AccessToken> {
  const realm = realmOf(request);
  const response = await transport.send(
    request.credentials?.identitytoken ? refreshRequest(realm, request) : getRequest(realm, request),
  );
  const limits = { host: realm.host, stallTimeoutMs, signal: request.signal };
  if (response.status !== 200) throw await refusal(response, await readExcerpt(response.body, limits), realm);
  const received = await readBounded(response.body, { ...limits, maxBytes: MAX_TOKEN_ANSWER });
  return parseToken(parseJson(received, 'token answer'), realm);
}

function realmOf({ challenge, registry }: TokenRequest): URL {
  const text = challenge.parameters['realm'] ?? '';
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (realm === undefined || !/^https?:$/.test(realm.protocol))
    throw new LadingError(
      'unavailable',
      `fetch token for registry "${registry.host}": invalid realm "${text.slice(0, 200)}"`,
    );
  if (realm.protocol === 'http:' && registry.protocol === 'https:')
    throw new LadingError(
      'unavailable',
      `fetch token for registry "${registry.host}": its realm "${realm.host}" is not HTTPS`,
    );
  realm.username = realm.password = realm.hash = '';
  return realm;
}

function getRequest(realm: URL, { challenge, scopes, credentials, offline, signal }: TokenRequest) {
  const url = new URL(realm);
  const service = challenge.parameters['service'];
  if (service) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  if (offline) url.searchParams.set('offline_token', 'true');
  url.searchParams.set('client_id', CLIENT_ID);
  const authorization = basicAuthorization(credentials);
  if (credentials?.username) url.searchParams.set('account', credentials.username);
  return { method: 'GET', url, headers: authorization === undefined ? {} : { authorization }, signal };
}

function refreshRequest(url: URL, { challenge, scopes, credentials, signal }: TokenRequest) {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    service: challenge.parameters['service'] ?? '',
    client_id: CLIENT_ID,
    scope: scopes.join(' '),
    refresh_token: credentials?.identitytoken ?? '',
  });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return { method: 'POST', url, headers, body: { bytes: Buffer.from(form.toString()) }, signal };
}

async function refusal(response: TransportResponse, body: string, realm: URL): Promise<LadingError> {
  if (response.status === 401 || response.status === 403)
    return new LadingError('unauthenticated', 'unauthorized: incorrect username or password', {
      hint: `log in again; the token service of the registry is "${realm.host}"`,
    });
  return statusError(response, body, `fetch token from "${realm.host}"`);
}

function parseToken(value: unknown, realm: URL): AccessToken {
  const answer = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const token = answer['token'] ?? answer['access_token'];
  // The token becomes a header: nothing but visible ASCII.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
    throw new LadingError('unavailable', `fetch token from "${realm.host}": the answer holds no token`);
  const life = answer['expires_in'];
  const seconds = typeof life === 'number' && life > 0 ? life : DEFAULT_LIFE_S;
  const refreshToken = answer['refresh_token'];
  return {
    token,
    expiresAt: Date.now() + Math.max(seconds - MARGIN_S, seconds / 2) * 1000,
    refreshToken: typeof refreshToken === 'string' && refreshToken !== '' ? refreshToken : undefined,
  };
}
