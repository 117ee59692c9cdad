import { ANY, type Command } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { inspectObjects } from '../../inspect-objects.ts';

export const command: Command = {
  name: 'container inspect',
  summary: 'Display detailed information on one or more containers',
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: [text('format', 'f', 'Format output using a Go template'), bool('size', 's', 'Display total file sizes')],
  arity: [1, ANY],
  run: ({ args, flags, context }) =>
    inspectObjects(
      context,
      args,
      (name) => context.client.containers.inspect(name, { size: flags.bool('size') }),
      flags.text('format'),
    ),
};
