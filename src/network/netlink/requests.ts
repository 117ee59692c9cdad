import { AF } from '../../sys/index.ts';
import { ipv4Bytes } from '../address/ipv4.ts';
import { IFA, IFF_UP, IFLA, IFLA_BRPORT_MODE, IFLA_INFO, NLM_F, RT, RTA, RTM, VETH_INFO_PEER } from './constants.ts';
import { type NetlinkRequest, attribute, numberAttribute, textAttribute } from './message.ts';

const CREATE = NLM_F.CREATE | NLM_F.EXCL;

export interface LinkOptions {
  readonly macAddress?: string;
  readonly mtu?: number;
}

/** A bridge, up. */
export function addBridge(name: string, options: LinkOptions = {}): NetlinkRequest {
  const info = attribute(IFLA.LINKINFO, textAttribute(IFLA_INFO.KIND, 'bridge'));
  const body = [linkHeader(0, IFF_UP), textAttribute(IFLA.IFNAME, name), ...linkAttributes(options), info];
  return { type: RTM.NEWLINK, flags: CREATE, body: Buffer.concat(body), what: `add bridge "${name}"` };
}

/** A pair: one end up on a bridge of this namespace, the other (down) inside the namespace of `netnsFd`. */
export function addVeth(
  name: string,
  bridgeIndex: number,
  peer: { readonly name: string; readonly netnsFd: number } & LinkOptions,
): NetlinkRequest {
  const mtu = peer.mtu === undefined ? {} : { mtu: peer.mtu };
  const peerAttributes = [
    linkHeader(),
    textAttribute(IFLA.IFNAME, peer.name),
    numberAttribute(IFLA.NET_NS_FD, peer.netnsFd),
    ...linkAttributes(peer),
  ];
  const info = attribute(
    IFLA.LINKINFO,
    textAttribute(IFLA_INFO.KIND, 'veth'),
    attribute(IFLA_INFO.DATA, attribute(VETH_INFO_PEER, ...peerAttributes)),
  );
  const own = [textAttribute(IFLA.IFNAME, name), numberAttribute(IFLA.MASTER, bridgeIndex), ...linkAttributes(mtu)];
  const body = Buffer.concat([linkHeader(0, IFF_UP), ...own, info]);
  return { type: RTM.NEWLINK, flags: CREATE, body, what: `add veth "${name}"` };
}

export function setLinkUp(name: string): NetlinkRequest {
  const body = Buffer.concat([linkHeader(0, IFF_UP), textAttribute(IFLA.IFNAME, name)]);
  return { type: RTM.NEWLINK, flags: 0, body, what: `set link "${name}" up` };
}

/** Puts a link on a bridge. */
export function setLinkMaster(name: string, bridgeIndex: number): NetlinkRequest {
  const attributes = [textAttribute(IFLA.IFNAME, name), numberAttribute(IFLA.MASTER, bridgeIndex)];
  const body = Buffer.concat([linkHeader(0, IFF_UP), ...attributes]);
  return { type: RTM.NEWLINK, flags: 0, body, what: `attach link "${name}" to its bridge` };
}

/** Lets a bridge send a frame back through the port it came from, as a container reaching its own published port needs. */
export function setHairpin(name: string): NetlinkRequest {
  const info = attribute(
    IFLA.LINKINFO,
    textAttribute(IFLA_INFO.SLAVE_KIND, 'bridge'),
    attribute(IFLA_INFO.SLAVE_DATA, attribute(IFLA_BRPORT_MODE, Buffer.from([1]))),
  );
  const body = Buffer.concat([linkHeader(), textAttribute(IFLA.IFNAME, name), info]);
  return { type: RTM.NEWLINK, flags: 0, body, what: `set hairpin mode of link "${name}"` };
}

export function deleteLink(name: string): NetlinkRequest {
  const body = Buffer.concat([linkHeader(), textAttribute(IFLA.IFNAME, name)]);
  return { type: RTM.DELLINK, flags: 0, body, what: `delete link "${name}"` };
}

export function getLink(name: string): NetlinkRequest {
  const body = Buffer.concat([linkHeader(), textAttribute(IFLA.IFNAME, name)]);
  return { type: RTM.GETLINK, flags: 0, body, what: `find link "${name}"` };
}

export function addAddress(linkIndex: number, address: string, prefixLength: number): NetlinkRequest {
  const bytes = ipv4Bytes(address);
  const broadcast = Buffer.alloc(4);
  const hostMask = prefixLength === 0 ? 0xffffffff : 2 ** (32 - prefixLength) - 1;
  broadcast.writeUInt32BE((bytes.readUInt32BE(0) | hostMask) >>> 0);
  const header = Buffer.alloc(8);
  header.writeUInt8(AF.INET, 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt32LE(linkIndex, 4);
  const attributes = [attribute(IFA.LOCAL, bytes), attribute(IFA.ADDRESS, bytes), attribute(IFA.BROADCAST, broadcast)];
  const body = Buffer.concat([header, ...attributes]);
  return { type: RTM.NEWADDR, flags: CREATE, body, what: `add address ${address}/${prefixLength}` };
}

export function addDefaultRoute(gateway: string): NetlinkRequest {
  const header = Buffer.alloc(12);
  header.writeUInt8(AF.INET, 0);
  header.writeUInt8(RT.TABLE_MAIN, 4);
  header.writeUInt8(RT.PROT_BOOT, 5);
  header.writeUInt8(RT.UNICAST, 7);
  const body = Buffer.concat([header, attribute(RTA.GATEWAY, ipv4Bytes(gateway))]);
  return { type: RTM.NEWROUTE, flags: CREATE, body, what: `add default route via ${gateway}` };
}

export const DUMP_LINKS: NetlinkRequest = dump(RTM.GETLINK, linkHeader(), 'list links');
export const DUMP_ADDRESSES: NetlinkRequest = dump(RTM.GETADDR, ipv4Header(8), 'list addresses');
export const DUMP_ROUTES: NetlinkRequest = dump(RTM.GETROUTE, ipv4Header(12), 'list routes');

function dump(type: number, body: Buffer, what: string): NetlinkRequest {
  return { type, flags: NLM_F.DUMP, body, what };
}

function ipv4Header(length: number): Buffer {
  const header = Buffer.alloc(length);
  header.writeUInt8(AF.INET, 0);
  return header;
}

/** `struct ifinfomsg`. */
function linkHeader(index = 0, flags = 0): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(flags, 12);
  return header;
}

function linkAttributes({ macAddress, mtu }: LinkOptions): Buffer[] {
  return [
    ...(macAddress === undefined ? [] : [attribute(IFLA.ADDRESS, Buffer.from(macAddress.replaceAll(':', ''), 'hex'))]),
    ...(mtu === undefined ? [] : [numberAttribute(IFLA.MTU, mtu)]),
  ];
}
