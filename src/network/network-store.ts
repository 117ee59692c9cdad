import { LadingError } from '../errors/index.ts';
import type { Collection, MetadataStore } from '../metadata/index.ts';
import type { EndpointRecord, NetworkRecord } from './types.ts';

/**
 * The records of networks and endpoints. Networks are durable; endpoints need to outlive only the daemon, for no container outlives the machine.
 */
export class NetworkStore {
  readonly #metadata: MetadataStore;
  readonly #networks: Collection<NetworkRecord>;
  readonly #endpoints: Collection<EndpointRecord>;

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata;
    this.#networks = metadata.collection('networks');
    this.#endpoints = metadata.collection('network-endpoints');
  }

  putNetwork(record: NetworkRecord): void {
    this.#metadata.transaction(() => this.#networks.put(record.id, record));
  }

  deleteNetwork(id: string): void {
    this.#metadata.transaction(() => this.#networks.delete(id));
  }

  /** Oldest first. */
  networks(): NetworkRecord[] {
    const all = this.#networks.list().map(({ value }) => value);
    return all.sort((a, b) => (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0));
  }

  /** Networks that have (or get) a bridge. */
  bridges(): NetworkRecord[] {
    return this.networks().filter((network) => network.driver === 'bridge');
  }

  /** By id, name or unambiguous id prefix, in this order. @throws not_found, invalid_argument */
  findNetwork(ref: string): NetworkRecord {
    const exact = this.#networks.get(ref) ?? this.networkNamed(ref);
    if (exact) return exact;
    const byPrefix = /^[0-9a-f]+$/.test(ref) ? this.#networks.list(ref) : [];
    if (byPrefix.length > 1)
      throw new LadingError('invalid_argument', `network ${ref} is ambiguous (${byPrefix.length} matches found on id)`);
    if (!byPrefix[0]) throw new LadingError('not_found', `network ${ref} not found`);
    return byPrefix[0].value;
  }

  networkNamed(name: string): NetworkRecord | undefined {
    return this.networks().find((network) => network.name === name);
  }

  putEndpoint(record: EndpointRecord): void {
    this.#quickly(() => this.#endpoints.put(keyOf(record), record));
  }

  deleteEndpoint(record: EndpointRecord): void {
    this.#quickly(() => this.#endpoints.delete(keyOf(record)));
  }

  endpoints(): EndpointRecord[] {
    return this.#endpoints.list().map(({ value }) => value);
  }

  endpointsOfNetwork(networkId: string): EndpointRecord[] {
    return this.endpoints().filter((endpoint) => endpoint.networkId === networkId);
  }

  endpointsOfContainer(containerId: string): EndpointRecord[] {
    return this.#endpoints.list(`${containerId}/`).map(({ value }) => value);
  }

  #quickly(work: () => unknown): void {
    this.#metadata.transaction(work, { durable: false });
  }
}

function keyOf(record: EndpointRecord): string {
  return `${record.request.containerId}/${record.networkId}`;
}
