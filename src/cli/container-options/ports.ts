import type { PortBinding } from '../../client/index.ts';
import { UsageError } from '../usage-error.ts';

export interface PublishedPorts {
  readonly exposed: Record<string, object>;
  readonly bindings: Record<string, PortBinding[]>;
}

const PROTOCOLS = new Set(['tcp', 'udp', 'sctp']);
const LONG_KEYS = new Set(['target', 'published', 'protocol', 'mode', 'host_ip']);

/** `--publish` ([ip:][host]:container[/proto], ranges, or the long form) and `--expose`. @throws {UsageError} */
export function parsePorts(published: readonly string[], exposed: readonly string[]): PublishedPorts {
  const result: PublishedPorts = { exposed: {}, bindings: {} };
  for (const word of published) publish(word, word.includes('=') ? shortForm(word) : word, result);
  for (const word of exposed) {
    const { ports, protocol } = parseContainerSide(word, word);
    for (const port of ports) result.exposed[`${port}/${protocol}`] = {};
  }
  return result;
}

function publish(word: string, spec: string, result: PublishedPorts): void {
  const { ip, host, container } = splitPort(word, spec);
  const { ports, protocol } = parseContainerSide(container, word);
  const hostPorts = host === '' ? [] : parseRange(host, word);
  // One container port may take any port of a host range; else the ranges pair up.
  const takesAny = ports.length === 1 && hostPorts.length > 1;
  if (hostPorts.length > 0 && hostPorts.length !== ports.length && !takesAny)
    throw invalid(word, `invalid ranges specified for container and host Ports: ${container} and ${host}`);
  for (const [at, port] of ports.entries()) {
    const key = `${port}/${protocol}`;
    const HostPort = takesAny ? host : hostPorts.length === 0 ? '' : String(hostPorts[at]);
    result.exposed[key] = {};
    (result.bindings[key] ??= []).push({ HostIp: ip, HostPort });
  }
}

function splitPort(word: string, spec: string): { ip: string; host: string; container: string } {
  const bracketed = /^\[([0-9a-fA-F:.]+)\]:(.*)$/.exec(spec);
  const parts = (bracketed?.[2] ?? spec).split(':');
  const container = parts.pop() ?? '';
  const host = parts.pop() ?? '';
  const ip = bracketed?.[1] ?? parts.join(':');
  if (container === '') throw invalid(word, `no port specified: ${word}<empty>`);
  if (ip !== '' && !/^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$/.test(ip))
    throw invalid(word, `invalid IP address: ${ip}`);
  return { ip, host, container };
}

function parseContainerSide(text: string, word: string): { ports: number[]; protocol: string } {
  const [range = '', protocol = 'tcp'] = text.split('/', 2);
  const lower = protocol.toLowerCase() || 'tcp';
  if (!PROTOCOLS.has(lower)) throw invalid(word, `invalid proto: ${protocol}`);
  return { ports: parseRange(range, word), protocol: lower };
}

function parseRange(text: string, word: string): number[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match === null || first > 65_535 || last > 65_535 || last < first)
    throw invalid(word, `invalid containerPort: ${text}`);
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

/** "target=80,published=8080,protocol=tcp" in the short form. */
function shortForm(word: string): string {
  const given: Record<string, string> = {};
  for (const field of word.split(',')) {
    const [key = '', value] = field.split('=', 2);
    if (!LONG_KEYS.has(key) || value === undefined) throw invalid(word, `invalid field ${key}`);
    given[key] = value;
  }
  const ip =
    given['host_ip'] === undefined
      ? ''
      : `${given['host_ip'].includes(':') ? `[${given['host_ip']}]` : given['host_ip']}:`;
  return `${ip}${given['published'] ?? ''}:${given['target'] ?? ''}/${given['protocol'] ?? 'tcp'}`;
}

function invalid(word: string, why: string): UsageError {
  return new UsageError(`invalid argument "${word}" for "-p, --publish" flag: ${why}`);
}
