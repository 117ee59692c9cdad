import { Problem } from '../dockerfile-error.ts';

/** One word of EXPOSE. */
export interface PortSpec {
  /** Single ports with protocol in lower case: "80/tcp". */
  readonly ports: readonly string[];
  /** As written; "tcp" when it was left out. */
  readonly protocol: string;
  /** An address or a host's port stands in front, which EXPOSE ignores. */
  readonly mapped: boolean;
}

const MAX_PORT = 65_535;
const PROTOCOLS = ['tcp', 'udp', 'sctp'];

/** Reads "80", "80/udp", "8000-8002/tcp" and, as Docker does, "[address:]host:container". @throws Problem */
export function parsePortSpec(text: string): PortSpec {
  const parts = text.split(':');
  const written = parts.at(-1) ?? '';
  const [address, host] = [parts.slice(0, -2).join(':'), parts.at(-2) ?? ''];
  const slash = written.indexOf('/');
  const range = slash < 0 ? written : written.slice(0, slash);
  const protocol = (slash < 0 ? '' : written.slice(slash + 1)) || 'tcp';
  if (range === '') throw new Problem(`invalid port: ${JSON.stringify(text)}: no port specified`, text);
  if (!PROTOCOLS.includes(protocol.toLowerCase()))
    throw new Problem(`invalid port: ${JSON.stringify(text)}: invalid proto: ${protocol}`, text);
  if (address !== '' && !isAddress(address)) throw new Problem(`invalid IP address: ${address}`, text);
  const container = parseRange(range, 'containerPort', text);
  if (host !== '') checkHost(parseRange(host, 'hostPort', text), container, `${range} and ${host}`, text);
  const [first, last] = container;
  const ports = Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${protocol.toLowerCase()}`);
  return { ports, protocol, mapped: address !== '' || host !== '' };
}

function checkHost(host: Range, container: Range, shown: string, text: string): void {
  const [count, own] = [host[1] - host[0], container[1] - container[0]];
  if (count !== own && own !== 0)
    throw new Problem(`invalid ranges specified for container and host Ports: ${shown}`, text);
}

type Range = readonly [first: number, last: number];

function parseRange(range: string, name: string, text: string): Range {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (!match || last < first || last > MAX_PORT) throw new Problem(`invalid ${name}: ${range}`, text);
  return [first, last];
}

/** An IPv4 address, or an IPv6 one with or without brackets. */
function isAddress(text: string): boolean {
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(bare)) return bare.split('.').every((part) => Number(part) <= 255);
  return /^[0-9a-fA-F:.]{2,45}$/.test(bare) && bare.includes(':');
}
