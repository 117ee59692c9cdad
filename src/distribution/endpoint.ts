import { SingleFlight, type Log } from '../base/index.ts';
import { LadingError, isLadingError } from '../errors/index.ts';
import { parseChallenges, type Challenge } from './auth/challenge.ts';
import { credentialKeyOf } from './auth/credential-source.ts';
import { readExcerpt } from './http/bounded-body.ts';
import type { InsecureHosts } from './http/insecure-hosts.ts';
import type { Transport } from './http/transport.ts';

/** A registry's API as found: where it answers and what it asks for. */
export interface Endpoint {
  /** `https://registry-1.docker.io/`; always ends in a slash. */
  readonly base: URL;
  /** Under which name its credentials are kept. */
  readonly credentialKey: string;
  readonly mirror: boolean;
  /** What its last 401 asked for. */
  challenges: readonly Challenge[];
}

/** Docker Hub's images are named docker.io, its API answers elsewhere. */
const DOCKER_HUB_HOST = 'registry-1.docker.io';

export interface EndpointsOptions {
  readonly transport: Transport;
  readonly insecure: InsecureHosts;
  /** Mirrors of Docker Hub: URLs, or hosts taken as https. */
  readonly mirrors: readonly string[];
  readonly stallTimeoutMs: number;
  readonly log: Log;
}

/** Finds out, once per host, whether a registry speaks HTTPS or (where allowed) plain HTTP, and how it wants to be asked. */
export class Endpoints {
  readonly #options: EndpointsOptions;
  readonly #mirrors: readonly URL[];
  readonly #known = new Map<string, Endpoint>();
  readonly #searching = new SingleFlight<Endpoint>();

  constructor(options: EndpointsOptions) {
    this.#options = options;
    this.#mirrors = options.mirrors.map(parseMirror);
  }

  /** The registry itself. @throws unavailable */
  async registry(domain: string): Promise<Endpoint> {
    const host = domain === 'docker.io' ? DOCKER_HUB_HOST : domain;
    const schemes = this.#options.insecure.allows(host) ? ['https', 'http'] : ['https'];
    const candidates = schemes.map((scheme) => new URL(`${scheme}://${host}/`));
    return this.#find(candidates, { credentialKey: credentialKeyOf(domain), mirror: false });
  }

  /** What to read from, in order: mirrors first, the registry last. Failing mirrors are left out. */
  async *readable(domain: string): AsyncGenerator<Endpoint> {
    const mirrors = domain === 'docker.io' ? this.#mirrors : [];
    for (const mirror of mirrors) {
      try {
        yield await this.#find([mirror], { credentialKey: mirror.host, mirror: true });
      } catch (error) {
        this.#options.log.warn('registry mirror does not answer', { mirror: mirror.host, error: String(error) });
      }
    }
    yield await this.registry(domain);
  }

  /** Something else may answer there next time. */
  forget(endpoint: Endpoint): void {
    for (const [key, known] of this.#known) if (known === endpoint) this.#known.delete(key);
  }

  async #find(bases: readonly URL[], kind: Pick<Endpoint, 'credentialKey' | 'mirror'>): Promise<Endpoint> {
    const key = `${kind.credentialKey} ${bases.join(' ')}`;
    const known = this.#known.get(key);
    if (known) return known;
    const found = await this.#searching.run(key, async () => ({ ...kind, ...(await this.#firstAnswering(bases)) }));
    this.#known.set(key, found);
    return found;
  }

  async #firstAnswering(bases: readonly URL[]): Promise<Pick<Endpoint, 'base' | 'challenges'>> {
    let failure: unknown;
    for (const base of bases) {
      try {
        return { base, challenges: await this.#ping(base) };
      } catch (error) {
        if (!isLadingError(error, 'unavailable', 'deadline_exceeded')) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #ping(base: URL): Promise<Challenge[]> {
    const { transport, stallTimeoutMs } = this.#options;
    const { status, headers, body } = await transport.send({ method: 'GET', url: new URL('v2/', base) });
    await readExcerpt(body, { host: base.host, stallTimeoutMs });
    return status === 401 ? parseChallenges(headers['www-authenticate']) : [];
  }
}

function parseMirror(text: string): URL {
  const full = text.includes('://') ? text : `https://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '')
    throw new LadingError('invalid_argument', `invalid registry mirror: "${text}"`, {
      hint: 'use a URL such as https://mirror.example.org',
    });
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}
