import type { Command } from '../../command.ts';
import { keyValues } from '../../container-options/values.ts';
import { bool, list, text } from '../../flags.ts';

export const command: Command = {
  name: 'network create',
  summary: 'Create a network',
  usage: '[OPTIONS] NETWORK',
  flags: [
    bool('attachable', '', 'Enable manual container attachment'),
    text('driver', 'd', 'Driver to manage the Network (default "bridge")'),
    list('gateway', '', 'IPv4 or IPv6 Gateway for the master subnet'),
    bool('internal', '', 'Restrict external access to the network'),
    list('ip-range', '', 'Allocate container ip from a sub-range'),
    bool('ipv6', '', 'Enable IPv6 networking'),
    list('label', '', 'Set metadata on a network'),
    list('opt', 'o', 'Set driver specific options'),
    list('subnet', '', 'Subnet in CIDR format that represents a network segment'),
  ],
  arity: [1, 1],
  async run({ args: [name = ''], flags, context }) {
    const gateways = flags.list('gateway');
    const ranges = flags.list('ip-range');
    const config = flags.list('subnet').map((Subnet, at) => ({
      Subnet,
      ...(gateways[at] === undefined ? {} : { Gateway: gateways[at] }),
      ...(ranges[at] === undefined ? {} : { IPRange: ranges[at] }),
    }));
    const { Id, Warning } = await context.client.networks.create({
      Name: name,
      Driver: flags.text('driver') ?? 'bridge',
      Internal: flags.bool('internal'),
      Attachable: flags.bool('attachable'),
      EnableIPv6: flags.bool('ipv6'),
      Options: keyValues(flags.list('opt')),
      Labels: keyValues(flags.list('label')),
      ...(config.length === 0 ? {} : { IPAM: { Driver: 'default', Config: config } }),
    });
    if (Warning !== undefined && Warning !== '') context.stderr.write(`WARNING: ${Warning}\n`);
    context.stdout.write(`${Id}\n`);
  },
};
