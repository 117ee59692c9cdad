import { ANY, type Command } from '../../command.ts';
import { forEachName } from '../../each.ts';

export const command: Command = {
  name: 'pause',
  summary: 'Pause all processes within one or more containers',
  usage: 'CONTAINER [CONTAINER...]',
  flags: [],
  arity: [1, ANY],
  run: ({ args, context }) => forEachName(context, args, (name) => context.client.containers.act(name, 'pause')),
};
