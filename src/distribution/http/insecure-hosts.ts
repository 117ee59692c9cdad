import { BlockList, isIP } from 'node:net';
import { LadingError } from '../../errors/index.ts';

const FAMILY = { 4: 'ipv4', 6: 'ipv6' } as const;

/** `host` and `port` of `host[:port]`; brackets of an IPv6 address removed. */
export function splitHost(domain: string): { readonly host: string; readonly port: string | undefined } {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::([0-9]+))?$/.exec(domain);
  return { host: (match?.[1] ?? match?.[2] ?? domain).toLowerCase(), port: match?.[3] };
}

/**
 * The registries that may speak plain HTTP or show a certificate nobody signed (Docker's `insecure-registries`).
 * Loopback always belongs to them. Networks match addresses only: a name is not looked up, since whoever answers
 * for the name could then switch TLS off.
 */
export class InsecureHosts {
  readonly #networks = new BlockList();
  readonly #names = new Set<string>(['localhost']);

  /** @throws invalid_argument for an entry that is neither `host[:port]` nor a CIDR */
  constructor(entries: readonly string[] = []) {
    for (const entry of ['127.0.0.0/8', '::1/128', ...entries]) this.#add(entry);
  }

  /** Whether `host[:port]` may be spoken to without verified TLS. */
  allows(domain: string): boolean {
    const { host } = splitHost(domain);
    if (this.#names.has(host) || this.#names.has(domain.toLowerCase())) return true;
    const family = isIP(host);
    return (family === 4 || family === 6) && this.#networks.check(host, FAMILY[family]);
  }

  #add(entry: string): void {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address);
    if (bits === undefined && /^[\w.:[\]-]+$/.test(entry)) return void this.#names.add(entry.toLowerCase());
    if ((family !== 4 && family !== 6) || !/^[0-9]{1,3}$/.test(bits ?? '') || Number(bits) > (family === 4 ? 32 : 128))
      throw new LadingError('invalid_argument', `invalid insecure registry: "${entry}"`, {
        hint: 'use host, host:port or a network such as 10.0.0.0/8, without a scheme',
      });
    this.#networks.addSubnet(address, Number(bits), FAMILY[family]);
  }
}

/** Whether a host is this machine, whatever the proxy settings say. */
export function isLoopback(host: string): boolean {
  const { host: name } = splitHost(host);
  return name === 'localhost' || name === '::1' || /^127(?:\.[0-9]{1,3}){3}$/.test(name);
}
