import { runCommand } from '../../base/index.ts';
import { LadingError } from '../../errors/index.ts';
import { isObject, parseJson } from '../../oci/index.ts';
import type { RegistryCredentials } from '../auth/credential-source.ts';

/** The user name under which helpers keep an identity token instead of a password. */
const TOKEN_USER = '<token>';
/** What every helper prints when it knows nothing, by protocol. */
const NOT_FOUND = 'credentials not found in native keychain';
const TIMEOUT_MS = 30_000;

/** A program `docker-credential-<name>`, spoken to as docker-credential-helpers defines it. */
export class CredentialHelper {
  readonly #program: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #timeoutMs: number;

  /** @throws invalid_argument for a name that could be a path */
  constructor(name: string, options: { readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number } = {}) {
    if (!/^[\w.-]+$/.test(name)) throw new LadingError('invalid_argument', `invalid credential helper: "${name}"`);
    this.#program = `docker-credential-${name}`;
    this.#env = options.env ?? process.env;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  async get(serverAddress: string): Promise<RegistryCredentials | undefined> {
    const output = await this.#run('get', serverAddress);
    if (output === undefined) return undefined;
    const value = parseJson(Buffer.from(output), `answer of ${this.#program}`);
    const { Username: username, Secret: secret } = isObject(value) ? value : {};
    if (typeof username !== 'string' || typeof secret !== 'string')
      throw new LadingError('unavailable', `run ${this.#program}: the answer holds no user name and secret`);
    return username === TOKEN_USER ? { identitytoken: secret } : { username, password: secret };
  }

  async store(serverAddress: string, credentials: RegistryCredentials): Promise<void> {
    const { username = '', password = '', identitytoken } = credentials;
    const [Username, Secret] = identitytoken ? [TOKEN_USER, identitytoken] : [username, password];
    await this.#run('store', JSON.stringify({ ServerURL: serverAddress, Username, Secret }));
  }

  async erase(serverAddress: string): Promise<void> {
    await this.#run('erase', serverAddress);
  }

  /** User names by server address. */
  async list(): Promise<Record<string, string>> {
    const value = parseJson(Buffer.from((await this.#run('list', '')) ?? '{}'), `answer of ${this.#program}`);
    if (!isObject(value)) return {};
    return Object.fromEntries(Object.entries(value).map(([server, username]) => [server, String(username)]));
  }

  /** @returns its output, undefined when it knows no such credentials */
  async #run(action: 'get' | 'store' | 'erase' | 'list', input: string): Promise<string | undefined> {
    const options = { input, env: this.#env, timeoutMs: this.#timeoutMs };
    const { status, stdout } = await runCommand(this.#program, [action], options);
    if (status === 0) return stdout;
    if (stdout.trim() === NOT_FOUND) return undefined;
    // For `get` and `store` the output could hold a secret; the protocol prints errors of failing runs there too.
    const detail = action === 'get' || action === 'list' ? `: ${stdout.trim().slice(0, 200)}` : '';
    throw new LadingError('unavailable', `run ${this.#program} ${action}: exit status ${status}${detail}`, {
      hint: 'check credsStore and credHelpers in config.json',
    });
  }
}
