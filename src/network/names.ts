import { createHash } from 'node:crypto';

/** What one daemon's networking is called on the host. */
export interface HostNames {
  readonly firewallTable: string;
  /** Link of the default network. */
  readonly defaultBridge: string;
  /** Before the first 12 digits of a network's id. */
  readonly bridgePrefix: string;
}

const DEFAULT_DATA_ROOT = '/var/lib/lading';

/** Names that follow from the data root, so that several daemons can share a host. */
export function hostNamesOf(dataRoot: string): HostNames {
  if (dataRoot === DEFAULT_DATA_ROOT) return { firewallTable: 'lading', defaultBridge: 'lading0', bridgePrefix: 'ld-' };
  const suffix = createHash('sha256').update(dataRoot).digest('hex').slice(0, 8);
  return { firewallTable: `lading-${suffix}`, defaultBridge: `lading${suffix}`, bridgePrefix: 'ld-' };
}
