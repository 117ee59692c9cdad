import type { KeyedLock } from '../base/index.ts';
import { LadingError } from '../errors/index.ts';
import type { NetworkManager, NetworkRecord } from '../network/index.ts';
import type { ContainerNetworking } from './containers/container-networking.ts';
import { hasProcess, type ContainerRecord } from './containers/container-record.ts';
import type { ContainerTable } from './containers/container-table.ts';
import type { EventBus } from './events.ts';
import { matchesLabels, matchesUntil } from './filters.ts';
import type { EndpointConfig, Filters, NetworkEngine, NetworkView } from './types.ts';

export interface NetworksDependencies {
  readonly manager: NetworkManager;
  readonly networking: ContainerNetworking;
  readonly table: ContainerTable;
  readonly events: EventBus;
  /** The lifecycle's: a container does not start or end while it is being connected. */
  readonly locks: KeyedLock;
  readonly stateDirOf: (id: string) => string;
}

/** Use cases of networks: the manager's, with the containers that are on them. */
export class LocalNetworks implements NetworkEngine {
  readonly #manager: NetworkManager;
  readonly #networking: ContainerNetworking;
  readonly #table: ContainerTable;
  readonly #events: EventBus;
  readonly #d: NetworksDependencies;

  constructor(dependencies: NetworksDependencies) {
    this.#d = dependencies;
    this.#manager = dependencies.manager;
    this.#networking = dependencies.networking;
    this.#table = dependencies.table;
    this.#events = dependencies.events;
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
    await this.#d.locks.run(record.id, async () => {
      requireConnectable(record, network);
      if (hasProcess(record))
        await this.#networking.connect(record, network.id, endpoint, this.#d.stateDirOf(record.id));
      record.endpointConfigs = { ...record.endpointConfigs, [network.name]: endpoint };
      this.#table.save(record);
    });
    this.#publish('connect', network, record);
  }

  async disconnect(ref: string, container: string, force: boolean): Promise<void> {
    const network = this.#manager.get(ref);
    const record = this.#table.find(container);
    await this.#d.locks.run(record.id, async () => {
      requireStaying(record);
      if (!isOn(record, network) && !force)
        throw new LadingError('conflict', `container ${record.id} is not connected to network ${network.name}`);
      await this.#networking.disconnect(
        record,
        network.id,
        hasProcess(record) ? this.#d.stateDirOf(record.id) : undefined,
      );
      const { [network.name]: _gone, ...rest } = record.endpointConfigs;
      record.endpointConfigs = rest;
      this.#table.save(record);
    });
    this.#publish('disconnect', network, record);
  }

  #publish(action: 'connect' | 'disconnect', network: NetworkRecord, record: ContainerRecord): void {
    const { id, name, driver } = network;
    this.#events.publish('network', action, id, { container: record.id, name, type: driver });
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

function isOn(record: ContainerRecord, network: NetworkRecord): boolean {
  return (
    network.name in record.endpointConfigs || record.endpoints.some((endpoint) => endpoint.networkId === network.id)
  );
}

/** Saved again, a container that was removed meanwhile would come back. */
function requireStaying(record: ContainerRecord): void {
  if (record.status === 'removing' || record.status === 'dead')
    throw new LadingError(
      'conflict',
      `container ${record.name} is marked for removal and cannot be connected or disconnected to the network`,
    );
}

function requireConnectable(record: ContainerRecord, network: NetworkRecord): void {
  requireStaying(record);
  const mode = record.hostConfig.NetworkMode ?? 'default';
  if (mode === 'host' || mode === 'none' || mode.startsWith('container:'))
    throw new LadingError(
      'permission_denied',
      'container sharing network namespace with another container or host cannot be connected to any other network',
      { hint: 'create the container on a bridge network instead' },
    );
  if (isOn(record, network))
    throw new LadingError(
      'permission_denied',
      `endpoint with name ${record.name} already exists in network ${network.name}`,
    );
}
