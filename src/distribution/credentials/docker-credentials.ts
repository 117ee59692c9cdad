import { SILENT_LOG, type Log } from '../../base/index.ts';
import { messageOf } from '../../errors/index.ts';
import { hasCredentials, type CredentialSource, type RegistryCredentials } from '../auth/credential-source.ts';
import { isObject } from '../../oci/index.ts';
import { dockerConfigPath, readConfig, section, writeConfig, type DockerConfig } from './config-file.ts';
import { CredentialHelper } from './credential-helper.ts';

export interface DockerCredentialsOptions {
  /** Default: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. */
  readonly path?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly log?: Log;
  /** For one run of a credential helper. Default 30 000. */
  readonly helperTimeoutMs?: number;
}

/** The credentials the docker command line keeps, shared with it: config.json and its helpers. */
export class DockerCredentials implements CredentialSource {
  readonly path: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #log: Log;
  readonly #helperTimeoutMs: number | undefined;

  constructor(options: DockerCredentialsOptions = {}) {
    this.#env = options.env ?? process.env;
    this.path = options.path ?? dockerConfigPath(this.#env);
    this.#log = options.log ?? SILENT_LOG;
    this.#helperTimeoutMs = options.helperTimeoutMs;
  }

  /** A helper that fails counts as knowing nothing, as with docker: public images stay reachable. @throws invalid_argument when config.json is broken */
  async get(serverAddress: string): Promise<RegistryCredentials | undefined> {
    const config = await readConfig(this.path);
    const helper = helperNameFor(config, serverAddress);
    if (helper === undefined) return fromAuths(config, serverAddress);
    try {
      return (await this.#helper(helper).get(serverAddress)) ?? fromAuths(config, serverAddress);
    } catch (error) {
      this.#log.warn('credential helper failed', { helper, error: messageOf(error) });
      return fromAuths(config, serverAddress);
    }
  }

  /** Keeps credentials: in the helper when one is configured, else in the file (0600). @returns where */
  async store(
    serverAddress: string,
    credentials: RegistryCredentials,
  ): Promise<{ readonly helper: string | undefined }> {
    const config = await readConfig(this.path);
    const helper = helperNameFor(config, serverAddress);
    if (helper !== undefined) await this.#helper(helper).store(serverAddress, credentials);
    // With a helper docker leaves an empty entry, by which `logout` and `list` know the server.
    const entry = helper === undefined ? toEntry(credentials) : {};
    await writeConfig(this.path, { ...config, auths: { ...section(config, 'auths'), [serverAddress]: entry } });
    return { helper };
  }

  /** @returns whether there was anything to forget */
  async erase(serverAddress: string): Promise<boolean> {
    const config = await readConfig(this.path);
    const helper = helperNameFor(config, serverAddress);
    if (helper !== undefined) await this.#helper(helper).erase(serverAddress);
    const auths = section(config, 'auths');
    const kept = Object.fromEntries(Object.entries(auths).filter(([key]) => !sameServer(key, serverAddress)));
    if (Object.keys(kept).length === Object.keys(auths).length) return false;
    await writeConfig(this.path, { ...config, auths: kept });
    return true;
  }

  /** User names by server address, without secrets. */
  async list(): Promise<Record<string, string>> {
    const config = await readConfig(this.path);
    const { credsStore } = config;
    const kept = typeof credsStore === 'string' && credsStore !== '' ? await this.#helper(credsStore).list() : {};
    for (const server of Object.keys(section(config, 'auths'))) {
      const username = fromAuths(config, server)?.username;
      if (username !== undefined) kept[server] = username;
    }
    return kept;
  }

  #helper(name: string): CredentialHelper {
    const timeoutMs = this.#helperTimeoutMs;
    return new CredentialHelper(name, { env: this.#env, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  }
}

function helperNameFor(config: DockerConfig, serverAddress: string): string | undefined {
  const helpers = section(config, 'credHelpers');
  const name = Object.hasOwn(helpers, serverAddress) ? helpers[serverAddress] : config['credsStore'];
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/** Old clients wrote whole URLs as keys. */
function hostOf(server: string): string {
  return server.replace(/^https?:\/\//, '').split('/')[0] ?? '';
}

function sameServer(key: string, serverAddress: string): boolean {
  return key === serverAddress || hostOf(key) === hostOf(serverAddress);
}

function fromAuths(config: DockerConfig, serverAddress: string): RegistryCredentials | undefined {
  const auths = section(config, 'auths');
  const key = Object.hasOwn(auths, serverAddress)
    ? serverAddress
    : Object.keys(auths).find((key) => sameServer(key, serverAddress));
  const entry = key === undefined ? undefined : auths[key];
  return isObject(entry) ? fromEntry(entry) : undefined;
}

function fromEntry(entry: Record<string, unknown>): RegistryCredentials | undefined {
  const text = (key: string): string => (typeof entry[key] === 'string' ? entry[key] : '');
  const decoded = Buffer.from(text('auth'), 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  const [username, password] =
    colon > 0 ? [decoded.slice(0, colon), decoded.slice(colon + 1)] : [text('username'), text('password')];
  const [identitytoken, registrytoken] = [text('identitytoken'), text('registrytoken')];
  const credentials: RegistryCredentials = {
    ...(username ? { username, password } : {}),
    ...(identitytoken ? { identitytoken } : {}),
    ...(registrytoken ? { registrytoken } : {}),
  };
  return hasCredentials(credentials) ? credentials : undefined;
}

function toEntry({ username = '', password = '', identitytoken, registrytoken }: RegistryCredentials): object {
  const secret = identitytoken ? '' : password;
  return {
    ...(username ? { auth: Buffer.from(`${username}:${secret}`).toString('base64') } : {}),
    ...(identitytoken ? { identitytoken } : {}),
    ...(registrytoken ? { registrytoken } : {}),
  };
}
