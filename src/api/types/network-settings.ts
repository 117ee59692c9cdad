import type { ContainerView, EndpointInfo } from '../../engine/index.ts';
import { isRunning } from './container-status.ts';

/** One member of `NetworkSettings.Networks`. */
export function toEndpointSettings(endpoint: EndpointInfo, container?: ContainerView) {
  const names = container === undefined ? [] : [container.name, container.id.slice(0, 12)];
  const dnsNames = [...new Set([...names, ...endpoint.aliases])];
  return {
    IPAMConfig: null,
    Links: null,
    Aliases: endpoint.aliases.length === 0 ? null : endpoint.aliases,
    MacAddress: endpoint.macAddress,
    DriverOpts: null,
    NetworkID: endpoint.networkId,
    EndpointID: endpoint.endpointId,
    Gateway: endpoint.gateway,
    IPAddress: endpoint.ipAddress,
    IPPrefixLen: endpoint.prefixLength,
    IPv6Gateway: '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    DNSNames: container === undefined || endpoint.networkName === 'bridge' ? null : dnsNames,
  };
}

/** `NetworkSettings` of inspect; the fields beside Networks repeat the default bridge's endpoint. */
export function toNetworkSettings(view: ContainerView) {
  const bridge = view.endpoints.find((endpoint) => endpoint.networkName === 'bridge');
  return {
    Bridge: '',
    SandboxID: '',
    SandboxKey: '',
    Ports: isRunning(view.state) ? view.ports : {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.endpointId ?? '',
    Gateway: bridge?.gateway ?? '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: bridge?.ipAddress ?? '',
    IPPrefixLen: bridge?.prefixLength ?? 0,
    IPv6Gateway: '',
    MacAddress: bridge?.macAddress ?? '',
    Networks: Object.fromEntries(
      view.endpoints.map((endpoint) => [endpoint.networkName, toEndpointSettings(endpoint, view)]),
    ),
  };
}
