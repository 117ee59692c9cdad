import { isIPv4 } from 'node:net';
import { LadingError } from '../../errors/index.ts';

/** An IPv4 address as an unsigned 32-bit number. @throws invalid_argument */
export function parseIpv4(text: string): number {
  if (!isIPv4(text)) throw new LadingError('invalid_argument', `parse IPv4 address: "${text}"`);
  return text.split('.').reduce((value, part) => value * 256 + Number(part), 0);
}

export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

/** The four bytes in network order. */
export function ipv4Bytes(address: string): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(parseIpv4(address));
  return bytes;
}

/** A MAC address that follows from an IPv4 address (02:42:…), so that a reused address needs no new ARP entry. */
export function macOfIpv4(address: string): string {
  return ['02', '42', ...[...ipv4Bytes(address)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

const AF_INET = 2;

/** `struct sockaddr_in`. */
export function ipv4SocketAddress(address: string, port: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  ipv4Bytes(address).copy(bytes, 4);
  return bytes;
}
