import { createHash } from 'node:crypto';

/** How somebody proves who they are, in the words of Docker's X-Registry-Auth. */
export interface RegistryCredentials {
  readonly username?: string;
  readonly password?: string;
  /** A refresh token, exchanged for access tokens. */
  readonly identitytoken?: string;
  /** An access token, sent as it is. */
  readonly registrytoken?: string;
}

/** Where credentials come from when the caller brings none. */
export interface CredentialSource {
  /** `serverAddress` as Docker's config.json names it: `host[:port]`, or {@link DOCKER_HUB_KEY}. */
  get(serverAddress: string): Promise<RegistryCredentials | undefined>;
}

/** Nobody. */
export const ANONYMOUS: CredentialSource = { get: async () => undefined };

/** The key under which Docker keeps the credentials of Docker Hub. */
export const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';

/** The key of a registry in config.json. */
export function credentialKeyOf(domain: string): string {
  return domain === 'docker.io' || domain === 'index.docker.io' ? DOCKER_HUB_KEY : domain;
}

/** Whether there is anything in it. */
export function hasCredentials(credentials: RegistryCredentials | undefined): credentials is RegistryCredentials {
  return Boolean(credentials && (credentials.username || credentials.identitytoken || credentials.registrytoken));
}

/** Tells two people's credentials apart in a cache without keeping the secrets as a key. */
export function fingerprintOf(credentials: RegistryCredentials | undefined): string {
  if (!hasCredentials(credentials)) return 'anonymous';
  const { username, password, identitytoken, registrytoken } = credentials;
  return createHash('sha256')
    .update(JSON.stringify([username, password, identitytoken, registrytoken]))
    .digest('hex');
}

/** The Authorization value of a Basic challenge; undefined when there is no user name. */
export function basicAuthorization(credentials: RegistryCredentials | undefined): string | undefined {
  if (!credentials?.username) return undefined;
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password ?? ''}`).toString('base64')}`;
}
