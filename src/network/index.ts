export { NetworkManager, type NetworkManagerOptions } from './network-manager.ts';
export { hostNamesOf, type HostNames } from './names.ts';
export { EMBEDDED_DNS_ADDRESS } from './dns/index.ts';
export type {
  CreateNetwork,
  DnsRequest,
  Endpoint,
  EndpointRecord,
  EndpointRequest,
  HostsRequest,
  LiveResources,
  NetworkDriver,
  NetworkRecord,
  PortBinding,
} from './types.ts';
