import type { Command } from '../../command.ts';
import { bool } from '../../flags.ts';

export const command: Command = {
  name: 'network disconnect',
  summary: 'Disconnect a container from a network',
  usage: '[OPTIONS] NETWORK CONTAINER',
  flags: [bool('force', 'f', 'Force the container to disconnect from a network')],
  arity: [2, 2],
  async run({ args: [network = '', container = ''], flags, context }) {
    await context.client.networks.disconnect(network, container, flags.bool('force'));
  },
};
