export { Firewall, type FirewallState } from './firewall.ts';
export { findForeignDropChains } from './foreign-drop.ts';
export { HeldPorts } from './held-ports.ts';
export { isAnyAddress, type FirewallNetwork, type PublishedPort } from './nft-script.ts';
