import { LadingError } from '../errors/index.ts';
import type { NetworkManager, NetworkRecord } from '../network/index.ts';
import type { ContainerNetworking } from './containers/container-networking.ts';
import type { ContainerTable } from './containers/container-table.ts';
import type { EventBus } from './events.ts';
import { matchesLabels, matchesUntil } from './filters.ts';
import type { EndpointConfig, Filters, NetworkEngine, NetworkView } from './types.ts';

/** Use cases of networks: the manager's, with the containers that are on them. */
export class LocalNetworks implements NetworkEngine {
  readonly #manager: NetworkManager;
  readonly #networking: ContainerNetworking;
  readonly #table: ContainerTable;
  readonly #events: EventBus;

  constructor(manager: NetworkManager, networking: ContainerNetworking, table: ContainerTable, events: EventBus) {
    this.#manager = manager;
    this.#networking = networking;
    this.#table = table;
    this.#events = events;
  }

  async create(request: Parameters<NetworkEngine['create']>[0]): Promise<string> {
    const driver = request.driver || 'bridge';
    if (driver !== 'bridge')
      throw new LadingError(
        'not_implemented',
        `create network "${request.name}": driver "${driver}" is not supported`,
        { hint: 'use the bridge driver' },
      );
    const record = await this.#manager.createNetwork({ ...request, driver });
    this.#events.publish('network', 'create', record.id, { name: record.name, type: driver });
    return record.id;
  }

  async list(): Promise<NetworkView[]> {
    return this.#manager.list().map((record) => this.#view(record));
  }

  async get(ref: string): Promise<NetworkView> {
    return this.#view(this.#manager.get(ref));
  }

  async remove(ref: string): Promise<void> {
    const record = this.#manager.get(ref);
    await this.#manager.removeNetwork(record.id);
    this.#events.publish('network', 'destroy', record.id, { name: record.name, type: record.driver });
  }

  async connect(ref: string, container: string, endpoint: EndpointConfig): Promise<void> {
    const network = this.#manager.get(ref);
    const record = this.#table.find(container);
    if (record.endpointConfigs[network.name] || record.endpoints.some((existing) => existing.networkId === network.id))
      throw new LadingError(
        'permission_denied',
        `endpoint with name ${record.name} already exists in network ${network.name}`,
      );
    if (record.status === 'running')
      await this.#networking.connect(record, network.id, endpoint.Aliases ?? [], endpoint.IPAMConfig?.IPv4Address);
    record.endpointConfigs = { ...record.endpointConfigs, [network.name]: endpoint };
    this.#table.save(record);
    this.#events.publish('network', 'connect', network.id, {
      container: record.id,
      name: network.name,
      type: network.driver,
    });
  }

  async disconnect(ref: string, container: string, force: boolean): Promise<void> {
    const network = this.#manager.get(ref);
    const record = this.#table.find(container);
    const known =
      network.name in record.endpointConfigs || record.endpoints.some((existing) => existing.networkId === network.id);
    if (!known && !force)
      throw new LadingError('conflict', `container ${record.id} is not connected to network ${network.name}`);
    await this.#networking.disconnect(record, network.id);
    const { [network.name]: _gone, ...rest } = record.endpointConfigs;
    record.endpointConfigs = rest;
    this.#table.save(record);
    this.#events.publish('network', 'disconnect', network.id, {
      container: record.id,
      name: network.name,
      type: network.driver,
    });
  }

  async prune(filters: Filters): Promise<string[]> {
    const deleted: string[] = [];
    for (const view of await this.list()) {
      if (['bridge', 'host', 'none'].includes(view.name) || view.containers.length > 0) continue;
      if (!matchesLabels(view.labels, filters) || !matchesUntil(view.createdAt, filters)) continue;
      await this.remove(view.id);
      deleted.push(view.name);
    }
    return deleted;
  }

  #view(record: NetworkRecord): NetworkView {
    const containers = this.#table.all().flatMap((container) =>
      container.endpoints
        .filter((endpoint) => endpoint.networkId === record.id && endpoint.ipAddress !== '')
        .map((endpoint) => ({
          id: container.id,
          name: container.name,
          endpointId: endpoint.endpointId,
          macAddress: endpoint.macAddress,
          ipv4: `${endpoint.ipAddress}/${endpoint.prefixLength}`,
        })),
    );
    const { id, name, createdAt, driver, internal, subnet, gateway, labels, options } = record;
    return { id, name, createdAt, driver, internal, subnet, gateway, labels, options, containers };
  }
}
