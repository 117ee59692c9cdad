import type { PortBinding } from '../types.ts';

/** What the firewall must know of one bridge. */
export interface FirewallNetwork {
  readonly bridge: string;
  readonly subnet: string;
  readonly internal: boolean;
  readonly masquerade: boolean;
}

/** A published port and the container it leads to. */
export interface PublishedPort extends PortBinding {
  readonly ipAddress: string;
}

const ANY_ADDRESS = new Set(['', '0.0.0.0']);

/** Whether a binding is for every address of the host. */
export function isAnyAddress(hostIp: string): boolean {
  return ANY_ADDRESS.has(hostIp);
}

/**
 * The whole table, replacing whatever it held, in one transaction. Names of links and subnets were validated by who made them.
 * Traffic a chain accepts here may still be dropped by another table on the same hook, never the reverse.
 */
export function renderTable(
  table: string,
  networks: readonly FirewallNetwork[],
  ports: readonly PublishedPort[],
): string {
  const bridges = networks.map((network) => `"${network.bridge}"`);
  const internal = networks.filter((network) => network.internal).map((network) => `"${network.bridge}"`);
  return `table ip ${table} {}
delete table ip ${table}
table ip ${table} {
  set bridges { type ifname; ${elements(bridges)} }
  set internal { type ifname; ${elements(internal)} }
  set same_bridge { type ifname . ifname; ${elements(bridges.map((bridge) => `${bridge} . ${bridge}`))} }
  map published_any { type inet_proto . inet_service : ipv4_addr . inet_service; ${elements(mapped(ports, true))} }
  map published { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; ${elements(mapped(ports, false))} }
  chain raw_prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
  }
  chain publish {
    dnat to meta l4proto . ip daddr . th dport map @published
    dnat to meta l4proto . th dport map @published_any
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    meta l4proto { tcp, udp } fib daddr type local jump publish
  }
  chain output {
    type nat hook output priority -100; policy accept;
    meta l4proto { tcp, udp } fib daddr type local jump publish
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
${networks.map(sourceNatRules).join('')}  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname . oifname @same_bridge accept
    iifname @internal drop
    oifname @internal drop
    oifname @bridges ct state established,related accept
    oifname @bridges ct status dnat accept
    oifname @bridges drop
  }
}
`;
}

/** Commands that add one container's ports. */
export function renderPublish(table: string, ports: readonly PublishedPort[]): string {
  return changeElements('add', table, ports);
}

/** Commands that take them away. */
export function renderUnpublish(table: string, ports: readonly PublishedPort[]): string {
  return changeElements('delete', table, ports);
}

export function renderDelete(table: string): string {
  return `table ip ${table} {}\ndelete table ip ${table}\n`;
}

/** Out to the world under the host's address; a container that reaches a neighbour through a published port needs its answer by the same way. */
function sourceNatRules({ bridge, subnet, internal, masquerade }: FirewallNetwork): string {
  const outbound = internal || !masquerade ? '' : `    ip saddr ${subnet} oifname != "${bridge}" masquerade\n`;
  return `${outbound}    ip saddr ${subnet} oifname "${bridge}" ct status dnat masquerade\n`;
}

function changeElements(verb: 'add' | 'delete', table: string, ports: readonly PublishedPort[]): string {
  const change = (map: string, items: readonly string[]): string =>
    items.length === 0 ? '' : `${verb} element ip ${table} ${map} { ${items.join(', ')} }\n`;
  return change('published_any', mapped(ports, true)) + change('published', mapped(ports, false));
}

function mapped(ports: readonly PublishedPort[], any: boolean): string[] {
  return ports
    .filter((port) => isAnyAddress(port.hostIp) === any)
    .map(({ protocol, hostIp, hostPort, ipAddress, containerPort }) => {
      const key = any ? `${protocol} . ${hostPort}` : `${protocol} . ${hostIp} . ${hostPort}`;
      return `${key} : ${ipAddress} . ${containerPort}`;
    });
}

function elements(items: readonly string[]): string {
  return items.length === 0 ? '' : `elements = { ${items.join(', ')} };`;
}
