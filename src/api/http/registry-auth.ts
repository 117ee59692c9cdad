import type { IncomingHttpHeaders } from 'node:http';
import type { Credentials } from '../../engine/index.ts';

const FIELDS = ['username', 'password', 'identitytoken', 'registrytoken'] as const;

function decodeJson(header: string | string[] | undefined): Record<string, unknown> {
  if (typeof header !== 'string' || header === '') return {};
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The credential members that are non-empty texts; undefined when there are none. */
export function toCredentials(value: unknown): Credentials | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const source: Record<string, unknown> = { ...value };
  if (isEmpty(source['username']) && typeof source['auth'] === 'string') splitAuth(source, source['auth']);
  const entries = FIELDS.flatMap((name) => (isEmpty(source[name]) ? [] : [[name, source[name]] as const]));
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as Credentials);
}

function isEmpty(value: unknown): boolean {
  return typeof value !== 'string' || value === '';
}

/** "auth" is base64 of "user:password", as in config.json. */
function splitAuth(source: Record<string, unknown>, auth: string): void {
  const [username, ...password] = Buffer.from(auth, 'base64').toString('utf8').split(':');
  source['username'] = username;
  source['password'] = password.join(':');
}

/** `X-Registry-Auth`: base64url JSON. Like Docker, a header that cannot be read counts as none. */
export function registryAuth(headers: IncomingHttpHeaders): Credentials | undefined {
  return toCredentials(decodeJson(headers['x-registry-auth']));
}

/** `X-Registry-Config`: credentials by registry, for builds. */
export function registryConfig(headers: IncomingHttpHeaders): Record<string, Credentials> {
  const result: Record<string, Credentials> = {};
  for (const [server, value] of Object.entries(decodeJson(headers['x-registry-config']))) {
    const credentials = toCredentials(value);
    if (credentials !== undefined) result[server] = credentials;
  }
  return result;
}

/** Credentials by registry, as a JSON body has them; what is none is left out. */
export function credentialsOf(values: Readonly<Record<string, unknown>> = {}): Record<string, Credentials> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([server, value]) => {
      const found = toCredentials(value);
      return found === undefined ? [] : [[server, found]];
    }),
  );
}
