import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Log } from '../base/index.ts';
import { isLadingError, messageOf } from '../errors/index.ts';
import type { Bridges } from './bridges.ts';
import type { Endpoints } from './endpoints.ts';
import type { HeldPorts } from './firewall/index.ts';
import { reconcileBridge, removeLink } from './links.ts';
import type { NetworkStore } from './network-store.ts';
import type { EndpointRecord } from './types.ts';

export interface RestoreParts {
  readonly store: NetworkStore;
  readonly bridges: Bridges;
  readonly endpoints: Endpoints;
  readonly heldPorts: HeldPorts;
  readonly log: Log;
}

/**
 * Takes up the endpoints of containers that outlived the daemon: bridge, link, held ports, names, name server. What cannot be
 * had again is logged; the container keeps what it has.
 */
export async function restoreEndpoints(parts: RestoreParts): Promise<void> {
  const { store } = parts;
  const networkIds = new Set(store.endpoints().map((endpoint) => endpoint.networkId));
  for (const networkId of networkIds) {
    try {
      await restoreNetwork(parts, networkId);
    } catch (error) {
      if (isLadingError(error, 'unavailable', 'permission_denied')) throw error;
      parts.log.warn('restore network', { network: networkId, error: messageOf(error) });
    }
  }
}

async function restoreNetwork(parts: RestoreParts, networkId: string): Promise<void> {
  const { network, bridgeIndex } = await parts.bridges.bringUp(networkId);
  const live = parts.store.endpointsOfNetwork(networkId);
  const hostVeths = new Map(live.map((endpoint) => [endpoint.hostVeth, endpoint.ports.length > 0]));
  const strangers = reconcileBridge(bridgeIndex, hostVeths);
  for (const endpoint of live) {
    for (const port of endpoint.ports.filter((one) => !parts.heldPorts.isHeld(one)))
      tolerate(parts.log, endpoint, () => parts.heldPorts.hold(port));
    tolerate(parts.log, endpoint, () => parts.endpoints.attachDns(network, endpoint));
  }
  for (const name of strangers.filter((link) => /^veth[0-9a-f]{10}$/.test(link))) {
    removeLink(name);
    await nextTurn();
  }
}

function tolerate(log: Log, endpoint: EndpointRecord, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    log.warn('restore endpoint', { container: endpoint.request.containerId, error: messageOf(error) });
  }
}
