import type { Log } from '../base/index.ts';
import type { MetadataStore } from '../metadata/index.ts';
import { Ipam } from './address/ipam.ts';
import { Bridges, isPredefined } from './bridges.ts';
import { EmbeddedDns } from './dns/index.ts';
import { Endpoints } from './endpoints.ts';
import { Firewall, type FirewallNetwork, HeldPorts } from './firewall/index.ts';
import { readHostResolver } from './host-resolver.ts';
import { removeLink } from './links.ts';
import { type HostNames, hostNamesOf } from './names.ts';
import { NetnsFolder } from './netns.ts';
import { isMasqueraded } from './network-request.ts';
import { NetworkStore } from './network-store.ts';
import { renderHosts, renderResolvConf } from './resolver-files.ts';
import { restoreEndpoints } from './restore.ts';
import type {
  CreateNetwork,
  DnsRequest,
  Endpoint,
  EndpointRecord,
  EndpointRequest,
  HostsRequest,
  LiveResources,
  NetworkRecord,
} from './types.ts';

export interface NetworkManagerOptions extends Partial<HostNames> {
  /** The daemon's data root; names on the host follow from it. */
  readonly dataRoot: string;
  /** Folder of the network namespaces' bind mounts; best on a tmpfs. */
  readonly runDir: string;
  readonly metadata: MetadataStore;
  readonly log: Log;
  /** Subnet of the default network; else the first free one of Docker's pool. */
  readonly defaultSubnet?: string;
}

/**
 * Container networks of one daemon. Opening touches nothing on the host; the default bridge and the firewall table come with the first
 * container. After a restart call {@link restore} before anything else. Needs root.
 */
export class NetworkManager implements AsyncDisposable {
  readonly #store: NetworkStore;
  readonly #ipam: Ipam;
  readonly #netns: NetnsFolder;
  readonly #firewall: Firewall;
  readonly #heldPorts = new HeldPorts();
  readonly #dns: EmbeddedDns;
  readonly #bridges: Bridges;
  readonly #endpoints: Endpoints;
  readonly #log: Log;

  static open(options: NetworkManagerOptions): NetworkManager {
    return new NetworkManager(options);
  }

  private constructor(options: NetworkManagerOptions) {
    const { dataRoot, metadata, log, runDir, defaultSubnet } = options;
    const derived = hostNamesOf(dataRoot);
    const names: HostNames = {
      firewallTable: options.firewallTable ?? derived.firewallTable,
      defaultBridge: options.defaultBridge ?? derived.defaultBridge,
      bridgePrefix: options.bridgePrefix ?? derived.bridgePrefix,
    };
    this.#log = log;
    const store = (this.#store = new NetworkStore(metadata));
    const ipam = (this.#ipam = new Ipam(metadata));
    this.#netns = new NetnsFolder(runDir);
    const dns = (this.#dns = new EmbeddedDns(log));
    const firewall = (this.#firewall = new Firewall(names.firewallTable, {
      networks: () => store.bridges().map(firewallNetworkOf),
      ports: () => this.#endpoints.publishedPorts(),
    }));
    const bridges = (this.#bridges = new Bridges({ store, firewall, names, defaultSubnet, log }));
    this.#endpoints = new Endpoints({ store, ipam, bridges, firewall, heldPorts: this.#heldPorts, dns, log });
    bridges.recordPredefined();
  }

  /** @throws conflict (name, subnet or bridge taken), invalid_argument, not_found (driver), unavailable (nft missing) */
  createNetwork(request: CreateNetwork): Promise<NetworkRecord> {
    return this.#bridges.create(request);
  }

  /** @throws not_found, permission_denied (predefined), conflict "… has active endpoints" */
  async removeNetwork(ref: string): Promise<void> {
    const { id } = await this.#bridges.remove(ref);
    this.#ipam.forget(id);
  }

  /** Oldest first, with the predefined ones. */
  list(): NetworkRecord[] {
    return this.#store.networks();
  }

  /** By id, name or id prefix. @throws not_found, invalid_argument when ambiguous */
  get(ref: string): NetworkRecord {
    return this.#store.findNetwork(ref);
  }

  /** The network of containers that name none. */
  defaultNetwork(): NetworkRecord {
    return this.#store.findNetwork('bridge');
  }

  /** Connected endpoints, of one network (by id) or all. */
  endpoints(networkId?: string): EndpointRecord[] {
    return networkId === undefined ? this.#store.endpoints() : this.#store.endpointsOfNetwork(networkId);
  }

  /** Removes the networks nobody is connected to and `matches` accepts; returns their names. */
  async prune(matches: (network: NetworkRecord) => boolean = () => true): Promise<string[]> {
    const used = new Set(this.#store.endpoints().map((endpoint) => endpoint.networkId));
    const unused = this.list().filter((network) => !isPredefined(network) && !used.has(network.id) && matches(network));
    for (const network of unused) await this.removeNetwork(network.id);
    return unused.map((network) => network.name);
  }

  /** A new network namespace with `lo` up; returns the path to join it by. Keys are file names. */
  async createNetns(key: string): Promise<string> {
    return this.#netns.create(key);
  }

  /** Disconnect first: the name server's sockets keep a namespace alive. Idempotent. */
  async removeNetns(key: string): Promise<void> {
    this.#netns.remove(key);
    this.#endpoints.forgetNetns(this.#netns.pathOf(key));
  }

  /**
   * Gives a namespace a link on a network, with address, route, published ports and names; all or nothing.
   * @throws conflict (port or address taken, connected already), invalid_argument, not_found, resource_exhausted, not_implemented, unavailable
   */
  async connect(netnsPath: string, request: EndpointRequest): Promise<Endpoint> {
    const { request: _request, netnsPath: _path, ...endpoint } = await this.#endpoints.connect(netnsPath, request);
    return endpoint;
  }

  /**
   * Takes a container off one network, or off all when it ends: then its links are left to vanish with its namespace
   * (removing one costs 20–30 ms). Frees address, ports, rules and names. Idempotent.
   */
  disconnect(containerId: string, networkId?: string): Promise<void> {
    return this.#endpoints.disconnect(containerId, networkId);
  }

  /**
   * After a restart: removes what nothing running uses, takes up the rest (bridge, links, ports, names, name servers) and writes the firewall
   * table anew. Also mends a host whose firewall was flushed.
   */
  async restore(live: LiveResources): Promise<void> {
    const containerIds = new Set(live.containerIds);
    const gone = this.#store.endpoints().filter((endpoint) => !containerIds.has(endpoint.request.containerId));
    for (const { request } of gone) await this.disconnect(request.containerId);
    const netnsKeys = new Set(live.netnsKeys);
    for (const key of this.#netns.keys()) if (!netnsKeys.has(key)) await this.removeNetns(key);
    if (this.#store.endpoints().length === 0) return;
    await this.#firewall.rewrite();
    await restoreEndpoints({
      store: this.#store,
      bridges: this.#bridges,
      endpoints: this.#endpoints,
      heldPorts: this.#heldPorts,
      log: this.#log,
    });
  }

  /** Content of /etc/resolv.conf for a container that starts on this network. */
  resolvConf(request: DnsRequest): string {
    return renderResolvConf(this.get(request.networkId), request, readHostResolver());
  }

  /** Content of /etc/hosts; "host-gateway" is the default network's gateway, as in Docker. */
  hostsFile(request: HostsRequest): string {
    return renderHosts(request, this.defaultNetwork().gateway);
  }

  /** Closes sockets; containers keep their networks, all but DNS. Idempotent. */
  async close(): Promise<void> {
    this.#dns.close();
    this.#heldPorts.releaseAll();
    await this.#firewall.idle();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Takes everything off the host: endpoints, namespaces, bridges, firewall table. For uninstalling and tests. */
  async destroy(): Promise<void> {
    for (const { request } of this.#store.endpoints()) await this.disconnect(request.containerId);
    for (const key of this.#netns.keys()) await this.removeNetns(key);
    for (const network of this.#store.bridges()) removeLink(network.bridge);
    await this.#firewall.delete();
    await this.close();
  }
}

function firewallNetworkOf(network: NetworkRecord): FirewallNetwork {
  const { bridge, subnet, internal } = network;
  return { bridge, subnet, internal, masquerade: isMasqueraded(network) };
}
