import { isIP } from 'node:net';
import { LadingError } from '../errors/index.ts';
import { EMBEDDED_DNS_ADDRESS } from './dns/index.ts';
import { type HostResolver, formatResolvConf } from './host-resolver.ts';
import type { DnsRequest, HostsRequest, NetworkRecord } from './types.ts';

type Resolvers = Pick<DnsRequest, 'dns' | 'dnsSearch' | 'dnsOptions'>;

/**
 * Whether a container's queries go through lading's own server: on every network with names, and on the default one
 * only when the host's name servers are out of reach for containers.
 */
export function needsEmbeddedDns(network: NetworkRecord, request: Resolvers, resolver: HostResolver): boolean {
  if (network.driver !== 'bridge') return false;
  return !network.isDefault || (request.dns.length === 0 && resolver.reachable.length === 0);
}

/** Name servers lading's own server asks for a container: those it named, else the host's (loopback ones too: it asks from the host). */
export function upstreamsOf(request: Resolvers, resolver: HostResolver): readonly string[] {
  return request.dns.length > 0 ? request.dns : resolver.host.nameservers;
}

/** Content of a container's /etc/resolv.conf. */
export function renderResolvConf(network: NetworkRecord, request: Resolvers, resolver: HostResolver): string {
  const { dns, dnsSearch, dnsOptions } = request;
  for (const value of [...dns, ...dnsSearch, ...dnsOptions]) refuseBlanks('resolv.conf', value);
  // Docker: a search list of "." means none.
  const search = dnsSearch.length > 0 ? dnsSearch.filter((domain) => domain !== '.') : resolver.host.search;
  const options = dnsOptions.length > 0 ? dnsOptions : resolver.host.options;
  if (needsEmbeddedDns(network, request, resolver)) {
    const withNdots = options.some((option) => option.startsWith('ndots:')) ? options : [...options, 'ndots:0'];
    return formatResolvConf({ nameservers: [EMBEDDED_DNS_ADDRESS], search, options: withNdots });
  }
  const hosts = network.driver === 'host' ? resolver.host.nameservers : resolver.reachable;
  return formatResolvConf({ nameservers: dns.length > 0 ? dns : hosts, search, options });
}

const LOCAL_HOSTS = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'ff00::0\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** Content of a container's /etc/hosts. `hostGateway` is what "host-gateway" stands for. */
export function renderHosts(request: HostsRequest, hostGateway: string): string {
  const { hostname, domainname, ipAddresses, extraHosts = [] } = request;
  const names = domainname ? `${hostname}.${domainname} ${hostname}` : hostname;
  for (const value of [hostname, domainname ?? '']) refuseBlanks('hosts', value);
  const own = ipAddresses.map((address) => `${address}\t${names}`);
  return [...LOCAL_HOSTS, ...extraHosts.map((entry) => extraHostLine(entry, hostGateway)), ...own, ''].join('\n');
}

function extraHostLine(entry: string, hostGateway: string): string {
  const [, name, value] = /^([^:=\s]+)[:=]\[?([^\s\]]+)\]?$/.exec(entry) ?? [];
  const address = value === 'host-gateway' ? hostGateway : value;
  if (!name || !address || !isIP(address))
    throw new LadingError('invalid_argument', `invalid IP address in add-host: "${entry}"`, {
      hint: 'write name:address or name:host-gateway',
    });
  return `${address}\t${name}`;
}

function refuseBlanks(file: string, value: string): void {
  if (/\s/.test(value)) throw new LadingError('invalid_argument', `write ${file}: value with blanks: "${value}"`);
}
