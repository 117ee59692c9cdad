import type { Route } from '../../http/call.ts';
import {
  connectNetwork,
  createNetwork,
  disconnectNetwork,
  inspectNetwork,
  listNetworks,
  pruneNetworks,
  removeNetwork,
} from './networks.ts';

export const NETWORK_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/networks',
    handler: listNetworks,
    summary: 'Filters `id`, `name`, `driver`, `scope`, `type`, `label`, `dangling`',
  },
  {
    method: 'POST',
    path: '/networks/create',
    handler: createNetwork,
    summary: 'One IPv4 subnet; IPv6, address ranges and Attachable are not served',
  },
  {
    method: 'POST',
    path: '/networks/prune',
    handler: pruneNetworks,
    minVersion: '1.25',
    summary: 'Filters `until`, `label`, `label!`',
  },
  { method: 'GET', path: '/networks/{id}', handler: inspectNetwork, summary: '`verbose` and `scope` are ignored' },
  { method: 'DELETE', path: '/networks/{id}', handler: removeNetwork, summary: 'As Docker' },
  {
    method: 'POST',
    path: '/networks/{id}/connect',
    handler: connectNetwork,
    summary: 'Aliases and a fixed IPv4 address',
  },
  { method: 'POST', path: '/networks/{id}/disconnect', handler: disconnectNetwork, summary: '`Force`' },
];
