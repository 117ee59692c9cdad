import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import * as tls from 'node:tls';

/**
 * GET over http and https: no redirects, nothing decoded. The certificates of the machine's own store count, as they do for Docker and git, and proxies
 * of the environment (Node 24.5). Connections are not kept: builds ask a server once.
 */
export class HttpGet {
  readonly #certificates: readonly string[];
  #https: HttpsAgent | undefined;
  readonly #http = new HttpAgent({ proxyEnv: process.env });

  /** @param certificates PEM, trusted beside the usual ones */
  constructor(certificates: readonly string[] = []) {
    this.#certificates = certificates;
  }

  /** An answer whose body has not been read. Whoever gets it reads or destroys it; aborting ends it, too. */
  get(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const isSecure = url.protocol === 'https:';
      const options = { headers: { 'user-agent': 'lading', ...headers }, signal };
      const request = isSecure
        ? httpsRequest(url, { ...options, agent: this.#secureAgent() })
        : httpRequest(url, { ...options, agent: this.#http });
      request.once('error', reject);
      request.once('response', (response) => {
        // Whoever reads the body sees its errors; one nobody reads any more must not end the process.
        response.on('error', () => undefined);
        resolve(response);
      });
      request.end();
    });
  }

  /** Made when it is needed: the machine's store takes a while to read. */
  #secureAgent(): HttpsAgent {
    if (this.#https) return this.#https;
    const stores = (['default', 'system'] as const).flatMap((store) => tls.getCACertificates(store));
    const ca = [...new Set([...stores, ...this.#certificates])];
    return (this.#https = new HttpsAgent({ proxyEnv: process.env, ca }));
  }
}
