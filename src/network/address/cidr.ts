import { LadingError } from '../../errors/index.ts';
import { formatIpv4, parseIpv4 } from './ipv4.ts';

/** An IPv4 subnet; `first` is its network address, `last` its broadcast address. */
export interface Cidr {
  readonly first: number;
  readonly last: number;
  readonly prefixLength: number;
}

export function cidrOf(address: number, prefixLength: number): Cidr {
  const size = 2 ** (32 - prefixLength);
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1, prefixLength };
}

/** @throws invalid_argument when it is not "a.b.c.d/n" */
export function parseCidr(text: string): Cidr {
  const match = /^([0-9.]+)\/([0-9]{1,2})$/.exec(text);
  const prefixLength = Number(match?.[2]);
  if (!match?.[1] || prefixLength > 32)
    throw new LadingError('invalid_argument', `invalid subnet: "${text}"`, { hint: 'write it as 172.20.0.0/16' });
  return cidrOf(parseIpv4(match[1]), prefixLength);
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIpv4(cidr.first)}/${cidr.prefixLength}`;
}

export function cidrContains(cidr: Cidr, address: number): boolean {
  return address >= cidr.first && address <= cidr.last;
}

export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return a.first <= b.last && b.first <= a.last;
}
