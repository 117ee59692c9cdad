import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LadingError } from '../../errors/index.ts';
import type { Endpoint, EndpointRequest, NetworkManager, PortBinding } from '../../network/index.ts';
import type { ContainerMount, Namespace } from '../../runtime/index.ts';
import type { EndpointConfig, EndpointInfo, PortMapping } from '../types.ts';
import type { ContainerRecord } from './container-record.ts';
import { hostnameOf } from './container-spec.ts';
import type { ContainerTable } from './container-table.ts';

export interface AttachedNetwork {
  readonly namespace: Namespace;
  /** /etc/resolv.conf, /etc/hosts and /etc/hostname. */
  readonly files: readonly ContainerMount[];
}

const NAMES_OF_DEFAULT = ['', 'default', 'bridge'];

/** Joins containers to networks by Docker's `NetworkMode` and writes the three files every container gets. */
export class ContainerNetworking {
  readonly #networks: NetworkManager;
  readonly #table: ContainerTable;

  constructor(networks: NetworkManager, table: ContainerTable) {
    this.#networks = networks;
    this.#table = table;
  }

  /** Takes a namespace and the addresses; what it took is in the record. The caller saves it, and calls `release` on any failure. */
  async attach(record: ContainerRecord, _rootfs: string, stateDir: string): Promise<AttachedNetwork> {
    const mode = record.hostConfig.NetworkMode ?? 'default';
    if (mode.startsWith('container:')) return this.#join(mode.slice('container:'.length), stateDir, record);
    if (mode === 'host') return { namespace: 'host', files: this.#files(record, stateDir) };
    const path = await this.#networks.createNetns(record.id);
    if (mode === 'none') return { namespace: { path }, files: this.#files(record, stateDir) };
    const requests = this.#requests(record);
    const endpoints: Endpoint[] = [];
    for (const request of requests) endpoints.push(await this.#networks.connect(path, request));
    this.#note(record, endpoints, requests);
    return { namespace: { path }, files: this.#files(record, stateDir) };
  }

  #join(ref: string, stateDir: string, record: ContainerRecord): AttachedNetwork {
    const other = this.#table.find(ref);
    if (other.id === record.id) throw new LadingError('invalid_argument', 'cannot join own network namespace');
    if (other.status !== 'running')
      throw new LadingError('conflict', `cannot join network of a non running container: ${other.id}`);
    const otherDir = join(stateDir, '..', other.id);
    return {
      namespace: { path: `/proc/${other.pid}/ns/net` },
      files: ['resolv.conf', 'hosts', 'hostname'].map((name) => fileMount(join(otherDir, name), name)),
    };
  }

  /** One request a network: the one of NetworkMode first, then those of EndpointsConfig. Ports go with the first. */
  #requests(record: ContainerRecord): EndpointRequest[] {
    const mode = record.hostConfig.NetworkMode ?? 'default';
    const main = NAMES_OF_DEFAULT.includes(mode) ? 'bridge' : mode;
    const configs = record.endpointConfigs;
    const names = [
      main,
      ...Object.keys(configs).filter(
        (name) => name !== main && !(main === 'bridge' && NAMES_OF_DEFAULT.includes(name)),
      ),
    ];
    return names.map((name, i) => {
      const config = configs[name] ?? (i === 0 ? configs['default'] : undefined) ?? {};
      const address = config.IPAMConfig?.IPv4Address;
      return {
        networkId: this.#networks.get(name).id,
        containerId: record.id,
        containerName: record.name,
        hostname: hostnameOf(record),
        aliases: [...(config.Aliases ?? []), record.id.slice(0, 12)],
        ...(address ? { ipAddress: address } : {}),
        ports: i === 0 ? requestedPorts(record) : [],
        ...resolversOf(record),
      };
    });
  }

  #note(record: ContainerRecord, endpoints: readonly Endpoint[], requests: readonly EndpointRequest[]): void {
    record.endpoints = endpoints.map((endpoint, i) => this.#endpointInfo(endpoint, requests[i]?.aliases ?? []));
    record.ports = portsOf(
      record,
      endpoints.flatMap((endpoint) => endpoint.ports),
    );
  }

  #endpointInfo(endpoint: Endpoint, aliases: readonly string[]): EndpointInfo {
    const { networkId, endpointId, ipAddress, prefixLength, gateway, macAddress } = endpoint;
    const networkName = this.#networks.get(networkId).name;
    return { networkId, networkName, endpointId, ipAddress, prefixLength, gateway, macAddress, aliases };
  }

  /** Connects a running container to one more network; its files of names follow. */
  async connect(record: ContainerRecord, network: string, config: EndpointConfig, stateDir: string): Promise<void> {
    const address = config.IPAMConfig?.IPv4Address;
    const request: EndpointRequest = {
      networkId: this.#networks.get(network).id,
      containerId: record.id,
      containerName: record.name,
      hostname: hostnameOf(record),
      aliases: [...(config.Aliases ?? []), record.id.slice(0, 12)],
      ...(address ? { ipAddress: address } : {}),
      ports: [],
      ...resolversOf(record),
    };
    const before = this.#texts(record);
    const endpoint = await this.#networks.connect(`/proc/${record.pid}/ns/net`, request);
    record.endpoints = [...record.endpoints, this.#endpointInfo(endpoint, request.aliases)];
    rewriteFiles(stateDir, before, this.#texts(record));
  }

  /** `stateDir`: of a running container, whose files of names follow. */
  async disconnect(record: ContainerRecord, networkId: string, stateDir: string | undefined): Promise<void> {
    const before = this.#texts(record);
    await this.#networks.disconnect(record.id, networkId);
    record.endpoints = record.endpoints.filter((endpoint) => endpoint.networkId !== networkId);
    if (stateDir !== undefined) rewriteFiles(stateDir, before, this.#texts(record));
  }

  /** Idempotent. All is tried; then the first failure is thrown. */
  async release(record: ContainerRecord): Promise<void> {
    const outcomes = [
      await settled(() => this.#networks.disconnect(record.id)),
      await settled(() => this.#networks.removeNetns(record.id)),
    ];
    record.endpoints = record.endpoints.map((endpoint) => ({
      ...endpoint,
      ipAddress: '',
      gateway: '',
      macAddress: '',
      prefixLength: 0,
    }));
    record.ports = {};
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** After a daemon restart: names, resolver sockets, held ports and rules of the containers that lived on; all others' are removed. */
  async restore(live: readonly ContainerRecord[]): Promise<void> {
    const containerIds = live.map((record) => record.id);
    await this.#networks.restore({ containerIds, netnsKeys: containerIds });
  }

  #files(record: ContainerRecord, stateDir: string): ContainerMount[] {
    mkdirSync(stateDir, { recursive: true, mode: 0o711 });
    return Object.entries(this.#texts(record)).map(([name, text]) => {
      const path = join(stateDir, name);
      writeFileSync(path, text, { mode: 0o644 });
      return fileMount(path, name);
    });
  }

  #texts(record: ContainerRecord): Record<string, string> {
    const { Domainname: domainname } = record.config;
    return {
      'resolv.conf': this.#networks.resolvConf({ networkId: this.#resolvingNetwork(record), ...resolversOf(record) }),
      hosts: this.#networks.hostsFile({
        hostname: hostnameOf(record),
        ...(domainname ? { domainname } : {}),
        ipAddresses: record.endpoints.map((endpoint) => endpoint.ipAddress).filter((address) => address !== ''),
        extraHosts: record.hostConfig.ExtraHosts ?? [],
      }),
      hostname: `${hostnameOf(record)}\n`,
    };
  }

  /** A network of the user's where there is one: its name server knows the other containers. */
  #resolvingNetwork(record: ContainerRecord): string {
    const ids = record.endpoints.map((endpoint) => endpoint.networkId);
    const fallback = record.hostConfig.NetworkMode === 'host' ? 'host' : 'none';
    return ids.find((id) => !this.#networks.get(id).isDefault) ?? ids[0] ?? this.#networks.get(fallback).id;
  }
}

function resolversOf(record: ContainerRecord): { dns: string[]; dnsSearch: string[]; dnsOptions: string[] } {
  const { Dns, DnsSearch, DnsOptions } = record.hostConfig;
  return { dns: [...(Dns ?? [])], dnsSearch: [...(DnsSearch ?? [])], dnsOptions: [...(DnsOptions ?? [])] };
}

/** In place, since the container has the files themselves mounted. One that was edited inside is left alone. */
function rewriteFiles(
  stateDir: string,
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): void {
  for (const [name, text] of Object.entries(after)) {
    const path = join(stateDir, name);
    if (text !== before[name] && readFileSync(path, 'utf8') === before[name]) writeFileSync(path, text);
  }
}

async function settled(work: () => Promise<void>): Promise<PromiseSettledResult<void>> {
  return (await Promise.allSettled([work()]))[0];
}

function fileMount(source: string, name: string): ContainerMount {
  return { type: 'bind', source, target: `/etc/${name}`, options: ['rbind', 'rprivate', 'rw'] };
}

/** "80/tcp" of the configuration, with -P every exposed port as well. @throws invalid_argument */
function requestedPorts(record: ContainerRecord): PortBinding[] {
  const ports: PortBinding[] = [];
  const bindings = record.hostConfig.PortBindings ?? {};
  for (const [key, hosts] of Object.entries(bindings))
    for (const host of hosts?.length ? hosts : [{} as PortMapping]) ports.push(...expandPorts(key, host));
  if (record.hostConfig.PublishAllPorts)
    for (const key of Object.keys(record.config.ExposedPorts ?? {}))
      if (!(key in bindings)) ports.push(...expandPorts(key, {}));
  return ports;
}

function expandPorts(key: string, host: PortMapping): PortBinding[] {
  const [port = '', protocol = 'tcp'] = key.split('/');
  if (protocol !== 'tcp' && protocol !== 'udp')
    throw new LadingError('not_implemented', `publish port "${key}": protocol ${protocol} is not supported`, {
      hint: 'use tcp or udp',
    });
  const containerPort = parsePort(port, key);
  const range = (host.HostPort ?? '').split('-');
  const hostPort = range[0] ? parsePort(range[0], key) : 0;
  return [{ containerPort, protocol, hostIp: host.HostIp ?? '', hostPort }];
}

function parsePort(text: string, key: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    throw new LadingError('invalid_argument', `invalid port specification: "${key}"`);
  return port;
}

/** Docker's `NetworkSettings.Ports`: exposed ports too, with null. */
function portsOf(record: ContainerRecord, bound: readonly PortBinding[]): ContainerRecord['ports'] {
  const ports: ContainerRecord['ports'] = {};
  for (const key of Object.keys(record.config.ExposedPorts ?? {})) ports[key.includes('/') ? key : `${key}/tcp`] = null;
  for (const port of bound) {
    const key = `${port.containerPort}/${port.protocol}`;
    ports[key] = [...(ports[key] ?? []), { HostIp: port.hostIp || '0.0.0.0', HostPort: String(port.hostPort) }];
  }
  return ports;
}
