import { ANY, type Command } from '../../command.ts';
import { forEachName } from '../../each.ts';
import { bool } from '../../flags.ts';

export const command: Command = {
  name: 'volume rm',
  summary: 'Remove one or more volumes',
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  flags: [bool('force', 'f', 'Force the removal of one or more volumes')],
  arity: [1, ANY],
  run: ({ args, flags, context }) =>
    forEachName(context, args, (name) => context.client.volumes.remove(name, flags.bool('force'))),
};
