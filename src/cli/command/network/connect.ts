import type { Command } from '../../command.ts';
import { list, text } from '../../flags.ts';

export const command: Command = {
  name: 'network connect',
  summary: 'Connect a container to a network',
  usage: '[OPTIONS] NETWORK CONTAINER',
  flags: [
    list('alias', '', 'Add network-scoped alias for the container'),
    text('ip', '', 'IPv4 address (e.g., "172.30.100.104")'),
  ],
  arity: [2, 2],
  async run({ args: [network = '', container = ''], flags, context }) {
    const ip = flags.text('ip');
    await context.client.networks.connect(network, container, {
      ...(flags.has('alias') ? { Aliases: flags.list('alias') } : {}),
      ...(ip === undefined ? {} : { IPAMConfig: { IPv4Address: ip } }),
    });
  },
};
