import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

/** What a resolv.conf says. */
export interface ResolverConfig {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

const RESOLV_CONF = '/etc/resolv.conf';
/** The real servers behind systemd-resolved's stub. */
const SYSTEMD_RESOLV_CONF = '/run/systemd/resolve/resolv.conf';

export function parseResolvConf(text: string): ResolverConfig {
  const nameservers: string[] = [];
  let search: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && values[0] && isIP(values[0].replace(/%.*/, ''))) nameservers.push(values[0]);
    if (keyword === 'search' || keyword === 'domain') search = values;
    if (keyword === 'options') options = [...options, ...values];
  }
  return { nameservers, search, options };
}

export function formatResolvConf(config: ResolverConfig): string {
  return [
    ...config.nameservers.map((server) => `nameserver ${server}`),
    ...(config.search.length > 0 ? [`search ${config.search.join(' ')}`] : []),
    ...(config.options.length > 0 ? [`options ${config.options.join(' ')}`] : []),
    '',
  ].join('\n');
}

/** Whether a container with its own IPv4 network can reach this server: not the host's loopback, not IPv6. */
export function isReachableFromContainer(server: string): boolean {
  return isIP(server) === 4 && !server.startsWith('127.') && server !== '0.0.0.0';
}

/** The host's configuration, and its servers as containers can use them (empty when there are none). */
export interface HostResolver {
  readonly host: ResolverConfig;
  readonly reachable: readonly string[];
}

export function readHostResolver(read: (path: string) => string = readIfThere): HostResolver {
  const host = parseResolvConf(read(RESOLV_CONF));
  const own = host.nameservers.filter(isReachableFromContainer);
  if (own.length > 0) return { host, reachable: own };
  return { host, reachable: parseResolvConf(read(SYSTEMD_RESOLV_CONF)).nameservers.filter(isReachableFromContainer) };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
