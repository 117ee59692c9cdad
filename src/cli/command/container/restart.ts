import { ANY, type Command } from '../../command.ts';
import { forEachName } from '../../each.ts';
import { int, text } from '../../flags.ts';

export const command: Command = {
  name: 'restart',
  summary: 'Restart one or more containers',
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: [
    text('signal', 's', 'Signal to send to the container'),
    int('timeout', 't', 'Seconds to wait before killing the container'),
    { ...int('time', '', ''), hidden: true },
  ],
  arity: [1, ANY],
  run: ({ args, flags, context }) =>
    forEachName(context, args, (name) =>
      context.client.containers.act(name, 'restart', {
        signal: flags.text('signal'),
        t: flags.int('timeout') ?? flags.int('time'),
      }),
    ),
};
