import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { LadingError, errnoOf, isLadingError } from '../errors/index.ts';
import { macOfIpv4 } from './address/ipv4.ts';
import {
  type Link,
  NetlinkSocket,
  addAddress,
  addBridge,
  addDefaultRoute,
  addVeth,
  deleteLink,
  findLink,
  listLinks,
  setHairpin,
  setLinkMaster,
  setLinkUp,
} from './netlink/index.ts';
import { inNetns } from './netns.ts';

export interface BridgeOptions {
  readonly name: string;
  readonly gateway: string;
  readonly prefixLength: number;
  readonly mtu: number | undefined;
}

/** The index of a bridge; made with its address if it is not there. */
export function ensureBridge(options: BridgeOptions): number {
  using netlink = new NetlinkSocket();
  return (findLink(netlink, options.name) ?? createBridge(netlink, options)).index;
}

function createBridge(netlink: NetlinkSocket, { name, gateway, prefixLength, mtu }: BridgeOptions): Link {
  netlink.request(addBridge(name, { macAddress: macOfIpv4(gateway), ...(mtu === undefined ? {} : { mtu }) }));
  try {
    const link = findLink(netlink, name);
    if (!link) throw new LadingError('internal', `add bridge "${name}": it is not there`);
    // 127.0.0.1:port on the host leads to containers; the firewall keeps containers from the host's loopback in return.
    setSysctl(`ipv4/conf/${name}/route_localnet`, '1');
    setSysctl(`ipv6/conf/${name}/disable_ipv6`, '1');
    setSysctl('ipv4/ip_forward', '1');
    netlink.request(addAddress(link.index, gateway, prefixLength));
    return link;
  } catch (error) {
    netlink.request(deleteLink(name));
    throw error;
  }
}

/** Idempotent. Slow (the kernel waits for a quiet moment, some 20 ms). */
export function removeLink(name: string): void {
  using netlink = new NetlinkSocket();
  try {
    netlink.request(deleteLink(name));
  } catch (error) {
    if (!isLadingError(error, 'not_found')) throw error;
  }
}

export interface ContainerLink {
  readonly bridgeIndex: number;
  readonly netnsPath: string;
  readonly hostVeth: string;
  readonly interfaceName: string;
  readonly macAddress: string;
  readonly ipAddress: string;
  readonly prefixLength: number;
  /** '' for no default route. */
  readonly gateway: string;
  readonly mtu: number | undefined;
  /** Whether the container may reach itself through the host. */
  readonly hairpin: boolean;
}

/** A veth pair between bridge and namespace, up, with address and (where there is none yet) default route. */
export function attachContainer(link: ContainerLink): void {
  using netlink = new NetlinkSocket();
  const netnsFd = openSync(link.netnsPath, 'r');
  try {
    const { interfaceName: name, macAddress, mtu } = link;
    const peer = { name, netnsFd, macAddress, ...(mtu === undefined ? {} : { mtu }) };
    const hairpin = link.hairpin ? [setHairpin(link.hostVeth)] : [];
    netlink.request(addVeth(link.hostVeth, link.bridgeIndex, peer), ...hairpin);
  } finally {
    closeSync(netnsFd);
  }
  inNetns(link.netnsPath, () => configureInside(link));
}

function configureInside({ interfaceName, ipAddress, prefixLength, gateway }: ContainerLink): void {
  using netlink = new NetlinkSocket();
  const index = findLink(netlink, interfaceName)?.index;
  if (index === undefined) throw new LadingError('internal', `find link "${interfaceName}" in the container`);
  netlink.request(setLinkUp(interfaceName), addAddress(index, ipAddress, prefixLength));
  if (gateway !== '') setDefaultRoute(netlink, gateway);
}

/** Gives a namespace that lost its default route another; one it still has stays. */
export function ensureDefaultRoute(netnsPath: string, gateway: string): void {
  inNetns(netnsPath, () => {
    using netlink = new NetlinkSocket();
    setDefaultRoute(netlink, gateway);
  });
}

function setDefaultRoute(netlink: NetlinkSocket, gateway: string): void {
  try {
    netlink.request(addDefaultRoute(gateway));
  } catch (error) {
    if (!isLadingError(error, 'already_exists')) throw error;
  }
}

/** Puts links (name → hairpin) back on their bridge, and returns the names of other links found there. */
export function reconcileBridge(bridgeIndex: number, hostVeths: ReadonlyMap<string, boolean>): string[] {
  using netlink = new NetlinkSocket();
  const links = listLinks(netlink);
  for (const { name, master } of links) {
    const hairpin = hostVeths.get(name);
    if (hairpin === undefined || master === bridgeIndex) continue;
    netlink.request(setLinkMaster(name, bridgeIndex), ...(hairpin ? [setHairpin(name)] : []));
  }
  return links.filter((link) => link.master === bridgeIndex && !hostVeths.has(link.name)).map((link) => link.name);
}

function setSysctl(name: string, value: string): void {
  const path = `/proc/sys/net/${name}`;
  try {
    if (readFileSync(path, 'utf8').trim() !== value) writeFileSync(path, value);
  } catch (error) {
    // a kernel without IPv6 has nothing to switch off
    if (errnoOf(error) !== 'ENOENT')
      throw new LadingError('unavailable', `set sysctl net/${name}=${value}`, { cause: error });
  }
}
