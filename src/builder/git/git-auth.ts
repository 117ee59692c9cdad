import { LadingError } from '../../errors/index.ts';
import type { GitAddress } from '../../oci/index.ts';

type Secrets = ReadonlyMap<string, Uint8Array>;

/** What a build may show to a repository's server. */
export interface GitAccess {
  readonly secrets?: Secrets | undefined;
  /** Socket of an ssh agent. */
  readonly sshAgent?: string | undefined;
}

/**
 * The setting that makes git send an Authorization header to the address' own server: from the secrets GIT_AUTH_HEADER and GIT_AUTH_TOKEN, those named with
 * ".<host>" first, as BuildKit has it, else from user and password in the address.
 * @throws invalid_argument for a secret that is not a header's value
 */
export function authConfig(address: GitAddress, secrets: Secrets | undefined): [key: string, value: string][] {
  if (!address.scheme.startsWith('http')) return [];
  const value = secretHeader(address.host, secrets) ?? userHeader(address);
  if (value === undefined) return [];
  const server = new URL(address.remote).origin;
  // git would send the header to wherever a server redirects.
  return [
    [`http.${server}/.extraheader`, `Authorization: ${value}`],
    ['http.followRedirects', 'false'],
  ];
}

function secretHeader(host: string, secrets: Secrets | undefined): string | undefined {
  for (const suffix of [`.${host}`, ''])
    for (const kind of ['HEADER', 'TOKEN']) {
      const name = `GIT_AUTH_${kind}${suffix}`;
      const bytes = secrets?.get(name);
      if (bytes === undefined) continue;
      const text = headerValue(name, bytes);
      return kind === 'HEADER' ? text : basic('x-access-token', text);
    }
  return undefined;
}

function userHeader({ userinfo }: GitAddress): string | undefined {
  return userinfo && basic(userinfo.user, userinfo.password);
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** A secret's text as a header's value: a file's last line break is not part of it. @throws invalid_argument, without the value */
export function headerValue(name: string, bytes: Uint8Array): string {
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/[\r\n]+$/, '');
  // oxlint-disable-next-line no-control-regex
  if (text !== '' && !/[\x00-\x1f\x7f]/.test(text)) return text;
  throw new LadingError('invalid_argument', `secret ${name}: it is empty or holds control characters`, {
    hint: 'a secret for authorization is one line of text',
  });
}
