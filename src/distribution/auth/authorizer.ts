import { SingleFlight } from '../../base/index.ts';
import type { Transport } from '../http/transport.ts';
import type { Challenge } from './challenge.ts';
import { basicAuthorization, fingerprintOf, type RegistryCredentials } from './credential-source.ts';
import { fetchToken, type AccessToken, type TokenRequest } from './token-service.ts';

export interface AuthorizationRequest {
  readonly registry: URL;
  readonly challenges: readonly Challenge[];
  readonly scopes: readonly string[];
  readonly credentials: RegistryCredentials | undefined;
  /** An earlier value the registry has just refused. */
  readonly refused?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

const MAX_TOKENS = 1000;

/** Turns a registry's challenges and somebody's credentials into an Authorization header; remembers tokens until they expire. */
export class Authorizer {
  readonly #transport: Transport;
  readonly #stallTimeoutMs: number;
  readonly #tokens = new Map<string, AccessToken>();
  readonly #fetching = new SingleFlight<AccessToken>();

  constructor(transport: Transport, stallTimeoutMs: number) {
    this.#transport = transport;
    this.#stallTimeoutMs = stallTimeoutMs;
  }

  /** undefined when the registry asks for nothing, or for what the credentials cannot give. */
  async authorization(request: AuthorizationRequest): Promise<string | undefined> {
    const { challenges, credentials } = request;
    const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters['realm']);
    if (bearer && credentials?.registrytoken) return `Bearer ${credentials.registrytoken}`;
    if (bearer) return `Bearer ${await this.#token(bearer, request)}`;
    if (challenges.some(({ scheme }) => scheme === 'basic')) return basicAuthorization(credentials);
    return undefined;
  }

  async #token(challenge: Challenge, request: AuthorizationRequest): Promise<string> {
    const { registry, credentials, refused } = request;
    const scopes = [...new Set(request.scopes)].sort();
    const { realm, service } = challenge.parameters;
    const key = JSON.stringify([registry.origin, realm, service, scopes, fingerprintOf(credentials)]);
    const known = this.#tokens.get(key);
    if (known && known.expiresAt > Date.now() && `Bearer ${known.token}` !== refused) return known.token;
    this.#tokens.delete(key);
    // Shared by all who wait for it, so no single caller's signal may end it; its time is bounded by the transport.
    const ask: TokenRequest = { challenge, registry, scopes, credentials };
    const token = await this.#fetching.run(key, () => fetchToken(this.#transport, ask, this.#stallTimeoutMs));
    if (this.#tokens.size >= MAX_TOKENS) this.#tokens.clear();
    this.#tokens.set(key, token);
    request.signal?.throwIfAborted();
    return token.token;
  }
}
