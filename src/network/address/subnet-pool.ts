import { LadingError } from '../../errors/index.ts';
import { type Cidr, cidrsOverlap, parseCidr } from './cidr.ts';

/** Docker's default pools: 172.17–31.0.0/16, then 192.168.0.0/16 in pieces of /20. */
export const SUBNET_POOL: readonly Cidr[] = [
  ...Array.from({ length: 15 }, (_, index) => parseCidr(`172.${17 + index}.0.0/16`)),
  ...Array.from({ length: 16 }, (_, index) => parseCidr(`192.168.${16 * index}.0/20`)),
];

/** The first subnet of the pool that overlaps nothing in `taken`. @throws resource_exhausted */
export function chooseSubnet(taken: readonly Cidr[], pool = SUBNET_POOL): Cidr {
  const free = pool.find((subnet) => !taken.some((other) => cidrsOverlap(subnet, other)));
  if (free) return free;
  throw new LadingError(
    'resource_exhausted',
    'choose a subnet: all predefined address pools have been fully subnetted',
    { hint: 'remove unused networks (lading network prune) or name a subnet (--subnet)' },
  );
}
