import { KeyedLock, type Log } from '../base/index.ts';
import { LadingError } from '../errors/index.ts';
import { type Cidr, cidrsOverlap, parseCidr } from './address/cidr.ts';
import { isReachableFromContainer, readHostResolver } from './host-resolver.ts';
import { chooseSubnet } from './address/subnet-pool.ts';
import { type Firewall, findForeignDropChains } from './firewall/index.ts';
import { ensureBridge, removeLink } from './links.ts';
import type { HostNames } from './names.ts';
import { NetlinkSocket, findLink, listSubnets } from './netlink/index.ts';
import { addressingIn, mtuOf, networkRecordOf, predefinedRecord } from './network-request.ts';
import type { NetworkStore } from './network-store.ts';
import type { CreateNetwork, NetworkRecord } from './types.ts';

export interface BridgesOptions {
  readonly store: NetworkStore;
  readonly firewall: Firewall;
  readonly names: HostNames;
  /** Subnet of the default network instead of a free one of the pool. */
  readonly defaultSubnet: string | undefined;
  readonly log: Log;
}

/** Networks and what stands for them on the host: a bridge each, and their rules. */
export class Bridges {
  readonly #options: BridgesOptions;
  readonly #locks = new KeyedLock();
  #lookedAround = false;

  constructor(options: BridgesOptions) {
    this.#options = options;
  }

  /** Records the three networks that always exist. Touches nothing on the host. */
  recordPredefined(): void {
    const { store, names, defaultSubnet } = this.#options;
    if (!store.networkNamed('bridge')) {
      const subnet = defaultSubnet === undefined ? this.#chooseSubnet() : parseCidr(defaultSubnet);
      store.putNetwork(predefinedRecord('bridge', names.defaultBridge, subnet));
    }
    for (const driver of ['host', 'none'] as const)
      if (!store.networkNamed(driver)) store.putNetwork(predefinedRecord(driver, '', undefined));
  }

  /** @throws conflict when the name, the subnet or the bridge is taken, invalid_argument */
  async create(request: CreateNetwork): Promise<NetworkRecord> {
    const { store, names } = this.#options;
    if (store.networkNamed(request.name))
      throw new LadingError('conflict', `network with name ${request.name} already exists`);
    const network = networkRecordOf(request, names.bridgePrefix, () => this.#chooseSubnet());
    this.#refuseOverlap(network);
    if (bridgeExists(network.bridge))
      throw new LadingError('conflict', `create network "${network.name}": link "${network.bridge}" already exists`);
    store.putNetwork(network);
    try {
      this.#raise(network);
      await this.#options.firewall.rewrite();
      this.#lookAround();
      return network;
    } catch (error) {
      store.deleteNetwork(network.id);
      removeLink(network.bridge);
      throw error;
    }
  }

  /** Makes sure the network's bridge and rules are there; the default network comes up so, on first use. */
  bringUp(ref: string): Promise<{ network: NetworkRecord; bridgeIndex: number }> {
    const { id } = this.#options.store.findNetwork(ref);
    return this.#locks.run(id, async () => {
      const network = this.#freshSubnet(this.#options.store.findNetwork(id));
      if (network.driver !== 'bridge')
        throw new LadingError(
          'invalid_argument',
          `connect to network "${network.name}": its driver is "${network.driver}"`,
        );
      const bridgeIndex = this.#raise(network);
      await this.#options.firewall.ensure();
      this.#lookAround();
      return { network, bridgeIndex };
    });
  }

  /** @throws permission_denied for a predefined network, conflict while a container is connected */
  remove(ref: string): Promise<NetworkRecord> {
    const { store, firewall } = this.#options;
    const { id } = store.findNetwork(ref);
    return this.#locks.run(id, async () => {
      const network = store.findNetwork(id);
      if (isPredefined(network))
        throw new LadingError('permission_denied', `${network.name} is a pre-defined network and cannot be removed`);
      if (store.endpointsOfNetwork(id).length > 0)
        throw new LadingError(
          'conflict',
          `error while removing network: network ${network.name} id ${id} has active endpoints`,
        );
      removeLink(network.bridge);
      store.deleteNetwork(id);
      await firewall.rewrite();
      return network;
    });
  }

  #raise(network: NetworkRecord): number {
    const { prefixLength } = parseCidr(network.subnet);
    return ensureBridge({ name: network.bridge, gateway: network.gateway, prefixLength, mtu: mtuOf(network) });
  }

  /** The default network's subnet was free when it was chosen: choose again if somebody has it by the time it is first used. */
  #freshSubnet(network: NetworkRecord): NetworkRecord {
    const { store, defaultSubnet } = this.#options;
    if (!network.isDefault || defaultSubnet !== undefined || bridgeExists(network.bridge)) return network;
    const subnet = parseCidr(network.subnet);
    const collides = hostSubnets().some((other) => cidrsOverlap(other, subnet));
    if (!collides || store.endpointsOfNetwork(network.id).length > 0) return network;
    const moved = { ...network, ...addressingIn(this.#chooseSubnet()) };
    store.putNetwork(moved);
    return moved;
  }

  #chooseSubnet(): Cidr {
    const recorded = this.#options.store.bridges().map((network) => parseCidr(network.subnet));
    return chooseSubnet([...recorded, ...hostSubnets()]);
  }

  #refuseOverlap(network: NetworkRecord): void {
    const subnet = parseCidr(network.subnet);
    const other = this.#options.store.bridges().find((one) => cidrsOverlap(parseCidr(one.subnet), subnet));
    if (!other) return;
    throw new LadingError(
      'conflict',
      `use subnet ${network.subnet}: Pool overlaps with other one on this address space (network "${other.name}", ${other.subnet})`,
    );
  }

  /** Once: tells when another firewall would drop the containers' traffic. */
  #lookAround(): void {
    if (this.#lookedAround) return;
    this.#lookedAround = true;
    const { names, log } = this.#options;
    const warn = (chain: string): void =>
      log.warn('another firewall drops forwarded packets: containers may have no network', {
        chain,
        hint: `accept packets from and to "${names.defaultBridge}" and "${names.bridgePrefix}*" there, e.g. in DOCKER-USER`,
      });
    findForeignDropChains(names.firewallTable).then(
      (chains) => chains.forEach(warn),
      () => undefined,
    );
  }
}

export function isPredefined(network: NetworkRecord): boolean {
  return network.isDefault || network.driver !== 'bridge';
}

function bridgeExists(name: string): boolean {
  using netlink = new NetlinkSocket();
  return findLink(netlink, name) !== undefined;
}

/** Subnets in use on the host, and those of its name servers: a bridge there would cut them off. */
function hostSubnets(): Cidr[] {
  using netlink = new NetlinkSocket();
  const servers = readHostResolver().host.nameservers.filter(isReachableFromContainer);
  return [...listSubnets(netlink), ...servers.map((server) => parseCidr(`${server}/32`))];
}
