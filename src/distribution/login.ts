import { LadingError } from '../errors/index.ts';
import type { Connection } from './connection.ts';
import { hasCredentials, type RegistryCredentials } from './auth/credential-source.ts';
import { fetchToken } from './auth/token-service.ts';
import { statusError } from './registry-error.ts';
import { retryRequest } from './retry-policy.ts';
import type { CallOptions } from './session.ts';

export interface LoginResult {
  readonly status: 'Login Succeeded';
  /** To be kept instead of the password, when the registry hands one out. */
  readonly identityToken: string | undefined;
}

/** Whether a registry answers as one, with or without credentials. @throws unavailable, unauthenticated */
export async function pingRegistry(connection: Connection, domain: string, call: CallOptions): Promise<void> {
  const { session } = connection;
  await retryRequest(connection.retry, call.signal, () =>
    connection.atRegistry(domain, async (endpoint) => {
      const attempted = `log in to ${endpoint.base.host}`;
      const response = await session.send({ endpoint, method: 'GET', target: 'v2/', scopes: [] }, call);
      const body = await session.excerptOf(response);
      if (response.status === 200) return;
      if (response.status === 401)
        throw new LadingError(
          'unauthenticated',
          `Get "${response.url.href}": unauthorized: incorrect username or password`,
          {
            hint: 'check the user name and the password or access token',
          },
        );
      if (response.status === 404)
        throw new LadingError('unavailable', `${attempted}: "${response.url.href}" is not the API of a registry`);
      throw statusError(response, body, attempted);
    }),
  );
}

/** Checks credentials against a registry, as `docker login` does before it keeps them. @throws unauthenticated */
export async function login(
  connection: Connection,
  domain: string,
  credentials: RegistryCredentials,
  { signal }: Pick<CallOptions, 'signal'>,
): Promise<LoginResult> {
  if (!hasCredentials(credentials))
    throw new LadingError('invalid_argument', `log in to ${domain}: no user name given`);
  await pingRegistry(connection, domain, { auth: credentials, signal });
  const endpoint = await connection.endpoints.registry(domain);
  const challenge = endpoint.challenges.find(({ scheme }) => scheme === 'bearer');
  if (!challenge || credentials.registrytoken) return { status: 'Login Succeeded', identityToken: undefined };
  const request = { challenge, registry: endpoint.base, scopes: [], credentials, offline: true, signal };
  const { refreshToken } = await fetchToken(connection.transport, request, connection.stallTimeoutMs);
  return { status: 'Login Succeeded', identityToken: refreshToken };
}
