import type { NetworkView } from '../../engine/index.ts';

function toMember(member: NetworkView['containers'][number]) {
  return {
    Name: member.name,
    EndpointID: member.endpointId,
    MacAddress: member.macAddress,
    IPv4Address: member.ipv4,
    IPv6Address: '',
  };
}

/** GET /networks/{id}; the list is the same without `Containers`' members. */
export function toNetwork(view: NetworkView, options: { readonly members: boolean }) {
  const { subnet, gateway } = view;
  const pool = { Subnet: subnet, ...(gateway === '' ? {} : { Gateway: gateway }) };
  return {
    Name: view.name,
    Id: view.id,
    Created: view.createdAt,
    Scope: 'local',
    Driver: view.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: null, Config: subnet === '' ? [] : [pool] },
    Internal: view.internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: options.members
      ? Object.fromEntries(view.containers.map((member) => [member.id, toMember(member)]))
      : {},
    Options: view.options,
    Labels: view.labels,
  };
}

export type Network = ReturnType<typeof toNetwork>;
