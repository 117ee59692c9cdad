import { isLadingError } from '../../errors/index.ts';
import { type Cidr, cidrOf } from '../address/cidr.ts';
import { IFA, IFLA, RTA } from './constants.ts';
import { type NetlinkMessage, decodeAttributes } from './message.ts';
import type { NetlinkSocket } from './netlink-socket.ts';
import { DUMP_ADDRESSES, DUMP_LINKS, DUMP_ROUTES, getLink } from './requests.ts';

export interface Link {
  readonly index: number;
  readonly name: string;
  /** Index of the bridge it is on, or 0. */
  readonly master: number;
}

export function listLinks(netlink: NetlinkSocket): Link[] {
  return netlink.query(DUMP_LINKS).map(linkOf);
}

/** undefined when there is no such link. */
export function findLink(netlink: NetlinkSocket, name: string): Link | undefined {
  try {
    const [message] = netlink.query(getLink(name));
    return message && linkOf(message);
  } catch (error) {
    if (isLadingError(error, 'not_found')) return undefined;
    throw error;
  }
}

/** Every IPv4 subnet the host has an address in or a route to, the default route aside. */
export function listSubnets(netlink: NetlinkSocket): Cidr[] {
  const addresses = netlink.query(DUMP_ADDRESSES).map(({ body }) => {
    const found = decodeAttributes(body.subarray(8));
    return subnetOf(found.get(IFA.LOCAL) ?? found.get(IFA.ADDRESS), body.readUInt8(1));
  });
  const routes = netlink.query(DUMP_ROUTES).map(({ body }) => {
    return subnetOf(decodeAttributes(body.subarray(12)).get(RTA.DST), body.readUInt8(1));
  });
  return [...addresses, ...routes].filter((subnet) => subnet !== undefined && subnet.prefixLength > 0) as Cidr[];
}

function linkOf({ body }: NetlinkMessage): Link {
  const attributes = decodeAttributes(body.subarray(16));
  const name = attributes.get(IFLA.IFNAME);
  return {
    index: body.readInt32LE(4),
    name: name ? name.toString('utf8', 0, name.length - 1) : '',
    master: attributes.get(IFLA.MASTER)?.readUInt32LE(0) ?? 0,
  };
}

function subnetOf(address: Buffer | undefined, prefixLength: number): Cidr | undefined {
  return address?.length === 4 ? cidrOf(address.readUInt32BE(0), prefixLength) : undefined;
}
