import { LadingError } from '../../errors/index.ts';
import type { Collection, MetadataStore } from '../../metadata/index.ts';
import { cidrContains, parseCidr } from './cidr.ts';
import { formatIpv4, parseIpv4 } from './ipv4.ts';

/** The subnet addresses are taken from. */
export interface AddressSpace {
  readonly id: string;
  readonly subnet: string;
  readonly gateway: string;
}

type IpamRecord = { readonly owner: string } | { readonly cursor: number };

/**
 * Which endpoint has which address, per network. Addresses are handed out in turn, so that a freed one rests before it is used again.
 * Records need no fsync: after a power loss no container runs that could hold an address.
 */
export class Ipam {
  readonly #metadata: MetadataStore;
  readonly #records: Collection<IpamRecord>;

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata;
    this.#records = metadata.collection('ipam');
  }

  /**
   * Takes an address (a given one, or the next free one) for `owner`.
   * @throws invalid_argument when outside the subnet or reserved, conflict when in use, resource_exhausted when the subnet is full
   */
  allocate(space: AddressSpace, owner: string, wanted?: string): string {
    return this.#metadata.transaction(
      () => {
        const address = wanted === undefined ? this.#next(space) : this.#claim(space, wanted);
        this.#records.put(leaseKey(space.id, address), { owner });
        if (wanted === undefined) this.#records.put(cursorKey(space.id), { cursor: address });
        return formatIpv4(address);
      },
      { durable: false },
    );
  }

  /** Gives an address back, if `owner` has it. Idempotent. */
  release(networkId: string, address: string, owner: string): void {
    const key = leaseKey(networkId, parseIpv4(address));
    const record = this.#records.get(key);
    if (!record || !('owner' in record) || record.owner !== owner) return;
    this.#metadata.transaction(() => this.#records.delete(key), { durable: false });
  }

  /** Forgets a network. */
  forget(networkId: string): void {
    const keys = this.#records.list(`${networkId}/`).map(({ key }) => key);
    this.#metadata.transaction(() => keys.forEach((key) => this.#records.delete(key)), { durable: false });
  }

  #next(space: AddressSpace): number {
    const subnet = parseCidr(space.subnet);
    const [low, high] = [subnet.first + 1, subnet.last - 1];
    const record = this.#records.get(cursorKey(space.id));
    const cursor = record && 'cursor' in record && cidrContains(subnet, record.cursor) ? record.cursor : low;
    const count = high - low + 1;
    for (let step = 1; step <= count; step++) {
      const address = low + ((cursor - low + step) % count);
      if (formatIpv4(address) !== space.gateway && !this.#records.get(leaseKey(space.id, address))) return address;
    }
    throw new LadingError('resource_exhausted', `allocate an address in ${space.subnet}: no available addresses`, {
      hint: 'remove containers from the network or use a larger subnet',
    });
  }

  #claim(space: AddressSpace, wanted: string): number {
    const subnet = parseCidr(space.subnet);
    const address = parseIpv4(wanted);
    if (address <= subnet.first || address >= subnet.last)
      throw new LadingError('invalid_argument', `use address "${wanted}": it is not a host of subnet ${space.subnet}`);
    if (wanted === space.gateway || this.#records.get(leaseKey(space.id, address)))
      throw new LadingError('conflict', `use address "${wanted}": Address already in use`);
    return address;
  }
}

function leaseKey(networkId: string, address: number): string {
  return `${networkId}/${address.toString(16).padStart(8, '0')}`;
}

function cursorKey(networkId: string): string {
  return `${networkId}/cursor`;
}
