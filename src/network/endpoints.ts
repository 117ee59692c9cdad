import { randomBytes } from 'node:crypto';
import { KeyedLock, type Log } from '../base/index.ts';
import { LadingError, isLadingError, messageOf } from '../errors/index.ts';
import { parseCidr } from './address/cidr.ts';
import type { Ipam } from './address/ipam.ts';
import { macOfIpv4 } from './address/ipv4.ts';
import type { Bridges } from './bridges.ts';
import type { EmbeddedDns } from './dns/index.ts';
import type { Firewall, HeldPorts, PublishedPort } from './firewall/index.ts';
import { readHostResolver } from './host-resolver.ts';
import { attachContainer, ensureDefaultRoute, removeLink } from './links.ts';
import { isSameNetns } from './netns.ts';
import { mtuOf, validatePorts } from './network-request.ts';
import type { NetworkStore } from './network-store.ts';
import { needsEmbeddedDns, upstreamsOf } from './resolver-files.ts';
import type { EndpointRecord, EndpointRequest, NetworkRecord, PortBinding } from './types.ts';

export interface EndpointsOptions {
  readonly store: NetworkStore;
  readonly ipam: Ipam;
  readonly bridges: Bridges;
  readonly firewall: Firewall;
  readonly heldPorts: HeldPorts;
  readonly dns: EmbeddedDns;
  readonly log: Log;
}

/** Connects containers to networks and lets go of them. One container at a time, all or nothing. */
export class Endpoints {
  readonly #options: EndpointsOptions;
  readonly #locks = new KeyedLock();
  /** Endpoints on their way out: recorded still, published no more. */
  readonly #leaving = new Set<string>();
  /** Links left to end with their namespace, by its path; the namespace may be used again instead. */
  readonly #lingering = new Map<string, string[]>();

  constructor(options: EndpointsOptions) {
    this.#options = options;
  }

  /** What the firewall must hold. */
  publishedPorts(): PublishedPort[] {
    const staying = this.#options.store.endpoints().filter(({ endpointId }) => !this.#leaving.has(endpointId));
    return staying.flatMap(published);
  }

  connect(netnsPath: string, request: EndpointRequest): Promise<EndpointRecord> {
    validatePorts(request);
    return this.#locks.run(request.containerId, async () => {
      const { network, bridgeIndex } = await this.#options.bridges.bringUp(request.networkId);
      const endpoint = this.#reserve(network, netnsPath, request);
      try {
        this.#clearLingering(netnsPath);
        attachContainer({ ...endpoint, bridgeIndex, mtu: mtuOf(network), hairpin: endpoint.ports.length > 0 });
        this.attachDns(network, endpoint);
        if (endpoint.ports.length > 0) await this.#options.firewall.publish(published(endpoint));
        return endpoint;
      } catch (error) {
        await this.#release(endpoint, true);
        throw error;
      }
    });
  }

  /** Without `networkId` the container is taken to be ending: its links go with its namespace. Idempotent. */
  disconnect(containerId: string, networkId?: string): Promise<void> {
    return this.#locks.run(containerId, async () => {
      const all = this.#options.store.endpointsOfContainer(containerId);
      const leaving = all.filter((endpoint) => networkId === undefined || endpoint.networkId === networkId);
      for (const endpoint of leaving) await this.#release(endpoint, networkId !== undefined);
      if (networkId === undefined || leaving.length === 0) return;
      const heir = all.find((endpoint) => !leaving.includes(endpoint) && endpoint.gateway !== '');
      if (heir) ensureDefaultRoute(heir.netnsPath, heir.gateway);
    });
  }

  /** Names, and the name server in the container's namespace where it needs one. */
  attachDns(network: NetworkRecord, endpoint: EndpointRecord): void {
    const { request, netnsPath, ipAddress } = endpoint;
    const { containerId, containerName, hostname, aliases } = request;
    const names = [containerName, ...aliases, containerId.slice(0, 12), hostname].filter((name) => name !== '');
    this.#options.dns.attach({
      netnsPath,
      named: { networkId: network.id, networkName: network.name, containerId, ipAddress, names },
      registered: !network.isDefault,
      listens: needsEmbeddedDns(network, request, readHostResolver()),
      upstreams: () => (network.internal ? [] : upstreamsOf(request, readHostResolver())),
    });
  }

  /** Forgets links that were to end with a namespace which is gone now. */
  forgetNetns(netnsPath: string): void {
    this.#lingering.delete(netnsPath);
  }

  /** Takes address and ports and writes the record: from here on a crash is repaired by disconnect. Synchronous. */
  #reserve(network: NetworkRecord, netnsPath: string, request: EndpointRequest): EndpointRecord {
    const { store, ipam } = this.#options;
    store.findNetwork(network.id);
    const others = store.endpointsOfContainer(request.containerId);
    if (others.some((endpoint) => endpoint.networkId === network.id))
      throw new LadingError(
        'conflict',
        `endpoint with name ${request.containerName} already exists in network ${network.name}`,
      );
    const known = others.find((endpoint) => isSameNetns(endpoint.netnsPath, netnsPath));
    const endpointId = randomBytes(32).toString('hex');
    const ports = network.internal ? [] : this.#hold(request, endpointId);
    try {
      const ipAddress = ipam.allocate(network, endpointId, request.ipAddress);
      const endpoint: EndpointRecord = {
        networkId: network.id,
        endpointId,
        ipAddress,
        prefixLength: parseCidr(network.subnet).prefixLength,
        gateway: network.internal ? '' : network.gateway,
        macAddress: macOfIpv4(ipAddress),
        hostVeth: `veth${endpointId.slice(0, 10)}`,
        ports,
        request: { ...request, networkId: network.id },
        netnsPath: known?.netnsPath ?? netnsPath,
        interfaceName: freeInterfaceName(others),
      };
      store.putEndpoint(endpoint);
      return endpoint;
    } catch (error) {
      for (const port of ports) this.#options.heldPorts.release(port);
      throw error;
    }
  }

  #hold(request: EndpointRequest, endpointId: string): PortBinding[] {
    const { heldPorts } = this.#options;
    const held: PortBinding[] = [];
    try {
      for (const port of request.ports) held.push(heldPorts.hold(port));
      return held;
    } catch (error) {
      for (const port of held) heldPorts.release(port);
      if (!isLadingError(error)) throw error;
      const what = `driver failed programming external connectivity on endpoint ${request.containerName} (${endpointId})`;
      const hint = error.hint === undefined ? {} : { hint: error.hint };
      throw new LadingError(error.code, `${what}: ${error.message}`, { cause: error, ...hint });
    }
  }

  /** Gives everything back, in an order that leaves the record until last. */
  async #release(endpoint: EndpointRecord, removeItsLink: boolean): Promise<void> {
    const { store, ipam, firewall, heldPorts, dns, log } = this.#options;
    const { endpointId, networkId, ipAddress, hostVeth, netnsPath, ports, request } = endpoint;
    this.#leaving.add(endpointId);
    try {
      dns.detach(netnsPath, networkId, request.containerId);
      if (removeItsLink) removeLink(hostVeth);
      else this.#lingering.set(netnsPath, [...(this.#lingering.get(netnsPath) ?? []), hostVeth]);
      // a rule that stays is not repeated in the next rewrite of the table, so its failure must not keep the rest
      if (ports.length > 0)
        await firewall
          .unpublish(published(endpoint))
          .catch((error: unknown) =>
            log.warn('remove published ports', { endpoint: endpointId, error: messageOf(error) }),
          );
      for (const port of ports) heldPorts.release(port);
      ipam.release(networkId, ipAddress, endpointId);
      store.deleteEndpoint(endpoint);
    } finally {
      this.#leaving.delete(endpointId);
    }
  }

  #clearLingering(netnsPath: string): void {
    for (const hostVeth of this.#lingering.get(netnsPath) ?? []) removeLink(hostVeth);
    this.#lingering.delete(netnsPath);
  }
}

function published(endpoint: EndpointRecord): PublishedPort[] {
  return endpoint.ports.map((port) => ({ ...port, ipAddress: endpoint.ipAddress }));
}

function freeInterfaceName(others: readonly EndpointRecord[]): string {
  const taken = new Set(others.map((endpoint) => endpoint.interfaceName));
  for (let number = 0; ; number++) if (!taken.has(`eth${number}`)) return `eth${number}`;
}
