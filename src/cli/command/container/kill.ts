import { ANY, type Command } from '../../command.ts';
import { forEachName } from '../../each.ts';
import { text } from '../../flags.ts';

export const command: Command = {
  name: 'kill',
  summary: 'Kill one or more running containers',
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: [text('signal', 's', 'Signal to send to the container')],
  arity: [1, ANY],
  run: ({ args, flags, context }) =>
    forEachName(context, args, (name) => context.client.containers.act(name, 'kill', { signal: flags.text('signal') })),
};
