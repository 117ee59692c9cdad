/** Docker's network drivers that lading has. */
export type NetworkDriver = 'bridge' | 'host' | 'none';

/** One network, as it is stored. `bridge`, `host` and `none` always exist and carry Docker's names. */
export interface NetworkRecord {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly driver: NetworkDriver;
  /** RFC 3339. */
  readonly createdAt: string;
  /** No traffic leaves or enters: no masquerade, no default route, no forwarded DNS. */
  readonly internal: boolean;
  /** Not there yet. */
  readonly ipv6: false;
  /** "172.18.0.0/16"; empty for `host` and `none`. */
  readonly subnet: string;
  readonly gateway: string;
  /** Link name of at most 15 characters; empty for `host` and `none`. */
  readonly bridge: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  /** The network of containers that name none. Names are not resolved on it, as in Docker. */
  readonly isDefault: boolean;
}

export interface CreateNetwork {
  readonly name: string;
  readonly driver?: string;
  readonly subnet?: string;
  readonly gateway?: string;
  readonly internal?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
}

export interface PortBinding {
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp';
  /** '' and '0.0.0.0': every IPv4 address of the host. */
  readonly hostIp: string;
  /** 0 in a request: choose a free one. */
  readonly hostPort: number;
}

/** What the resolver files of a container are made from. */
export interface DnsRequest {
  readonly networkId: string;
  /** Name servers instead of the host's. */
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
}

export interface EndpointRequest extends DnsRequest {
  readonly containerId: string;
  readonly containerName: string;
  readonly hostname: string;
  readonly aliases: readonly string[];
  /** A fixed address inside the network's subnet. */
  readonly ipAddress?: string;
  readonly ports: readonly PortBinding[];
}

export interface Endpoint {
  readonly networkId: string;
  /** 64 hex digits. */
  readonly endpointId: string;
  readonly ipAddress: string;
  readonly prefixLength: number;
  /** '' on an internal network. */
  readonly gateway: string;
  readonly macAddress: string;
  /** Link name on the host's side. */
  readonly hostVeth: string;
  /** With the real host ports. */
  readonly ports: readonly PortBinding[];
}

/** An endpoint as it is stored: written before anything is taken from the kernel, deleted after everything was given back. */
export interface EndpointRecord extends Endpoint {
  readonly request: EndpointRequest;
  readonly netnsPath: string;
  /** Link name inside the container: eth0, eth1, … */
  readonly interfaceName: string;
}

export interface HostsRequest {
  readonly hostname: string;
  readonly domainname?: string;
  /** The container's addresses; its hostname maps to each. */
  readonly ipAddresses: readonly string[];
  /** "name:address" or "name:host-gateway". */
  readonly extraHosts?: readonly string[];
}

/** What still runs after a restart of the daemon; everything else that is recorded gets removed. */
export interface LiveResources {
  readonly containerIds: readonly string[];
  readonly netnsKeys: readonly string[];
}
