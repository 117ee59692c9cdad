import { ANY, type Command } from '../../command.ts';
import { forEachName } from '../../each.ts';
import { bool } from '../../flags.ts';

export const command: Command = {
  name: 'network rm',
  summary: 'Remove one or more networks',
  usage: 'NETWORK [NETWORK...]',
  flags: [bool('force', 'f', 'Do not error if the network does not exist')],
  arity: [1, ANY],
  run: ({ args, context }) => forEachName(context, args, (name) => context.client.networks.remove(name)),
};
