import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { LadingError } from '../errors/index.ts';
import { type Cidr, cidrContains, formatCidr, parseCidr } from './address/cidr.ts';
import { formatIpv4, parseIpv4 } from './address/ipv4.ts';
import type { CreateNetwork, EndpointRequest, NetworkDriver, NetworkRecord, PortBinding } from './types.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/;
const LINK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/;
/** Docker's options of bridge networks that lading understands; others are kept and have no effect. */
const OPTION = {
  bridge: 'com.docker.network.bridge.name',
  mtu: 'com.docker.network.driver.mtu',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
} as const;

/** A network's record from a user's request. `choose` picks a subnet when none was named. @throws invalid_argument and others */
export function networkRecordOf(request: CreateNetwork, bridgePrefix: string, choose: () => Cidr): NetworkRecord {
  const { name, driver = 'bridge', internal = false, labels = {}, options = {} } = request;
  if (!NAME.test(name)) throw new LadingError('invalid_argument', `invalid network name: "${name}"`);
  if (driver === 'host' || driver === 'none')
    throw new LadingError('permission_denied', `only one instance of "${driver}" network is allowed`);
  if (driver !== 'bridge') throw new LadingError('not_found', `network driver "${driver}" not found`);
  mtuOf({ options });
  const id = randomBytes(32).toString('hex');
  const addressing = addressingOf(request.subnet, request.gateway, choose);
  const bridge = options[OPTION.bridge] ?? `${bridgePrefix}${id.slice(0, 12)}`;
  if (!LINK_NAME.test(bridge)) throw new LadingError('invalid_argument', `invalid bridge name: "${bridge}"`);
  return { ...emptyRecord(id, name, driver), ...addressing, bridge, internal, labels, options };
}

/** The record of `bridge`, `host` or `none`. */
export function predefinedRecord(driver: NetworkDriver, bridge: string, subnet: Cidr | undefined): NetworkRecord {
  const record = emptyRecord(randomBytes(32).toString('hex'), driver, driver);
  return subnet ? { ...record, ...addressingIn(subnet), bridge, isDefault: true } : record;
}

/** A subnet and its first host as gateway, as records have it. */
export function addressingIn(subnet: Cidr): Pick<NetworkRecord, 'subnet' | 'gateway'> {
  return { subnet: formatCidr(subnet), gateway: formatIpv4(subnet.first + 1) };
}

/** The MTU a network was made with, if any. @throws invalid_argument */
export function mtuOf(network: Pick<NetworkRecord, 'options'>): number | undefined {
  const text = network.options[OPTION.mtu];
  if (text === undefined || text === '0') return undefined;
  const mtu = Number(text);
  if (!/^[0-9]+$/.test(text) || mtu < 68 || mtu > 65_535)
    throw new LadingError('invalid_argument', `invalid value of ${OPTION.mtu}: "${text}"`);
  return mtu;
}

export function isMasqueraded(network: NetworkRecord): boolean {
  return network.options[OPTION.masquerade] !== 'false';
}

/** @throws invalid_argument, not_implemented */
export function validatePorts(request: EndpointRequest): void {
  for (const port of request.ports) validatePort(port);
}

function validatePort({ containerPort, hostPort, hostIp, protocol }: PortBinding): void {
  const valid = (port: number, low: number): boolean => Number.isInteger(port) && port >= low && port <= 65_535;
  if (!valid(containerPort, 1)) throw new LadingError('invalid_argument', `invalid containerPort: ${containerPort}`);
  if (!valid(hostPort, 0)) throw new LadingError('invalid_argument', `invalid hostPort: ${hostPort}`);
  if (protocol !== 'tcp' && protocol !== 'udp')
    throw new LadingError('not_implemented', `publish port ${containerPort}: protocol "${String(protocol)}"`);
  if (isIPv6(hostIp))
    throw new LadingError('not_implemented', `publish port ${containerPort} on "${hostIp}": IPv6 is not there yet`, {
      hint: 'publish on an IPv4 address of the host',
    });
  if (hostIp !== '') parseIpv4(hostIp);
}

function emptyRecord(id: string, name: string, driver: NetworkDriver): NetworkRecord {
  return {
    id,
    name,
    driver,
    createdAt: new Date().toISOString(),
    internal: false,
    ipv6: false,
    subnet: '',
    gateway: '',
    bridge: '',
    labels: {},
    options: {},
    isDefault: false,
  };
}

function addressingOf(
  subnet: string | undefined,
  gateway: string | undefined,
  choose: () => Cidr,
): Pick<NetworkRecord, 'subnet' | 'gateway'> {
  if (subnet === undefined && gateway !== undefined)
    throw new LadingError('invalid_argument', `use gateway "${gateway}": every gateway needs a subnet`);
  if (subnet?.includes(':'))
    throw new LadingError('not_implemented', `use subnet "${subnet}": IPv6 networks are not there yet`);
  const cidr = subnet === undefined ? choose() : parseCidr(subnet);
  if (cidr.prefixLength < 8 || cidr.prefixLength > 30)
    throw new LadingError('invalid_argument', `use subnet "${subnet}": its prefix must be between /8 and /30`);
  if (gateway === undefined) return addressingIn(cidr);
  const address = parseIpv4(gateway);
  if (!cidrContains(cidr, address) || address === cidr.first || address === cidr.last)
    throw new LadingError('invalid_argument', `use gateway "${gateway}": it is not a host of subnet ${subnet}`);
  return { subnet: formatCidr(cidr), gateway };
}
