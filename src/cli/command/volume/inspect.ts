import { ANY, type Command } from '../../command.ts';
import { text } from '../../flags.ts';
import { inspectObjects } from '../../inspect-objects.ts';

export const command: Command = {
  name: 'volume inspect',
  summary: 'Display detailed information on one or more volumes',
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  flags: [text('format', 'f', 'Format output using a Go template')],
  arity: [1, ANY],
  run: ({ args, flags, context }) =>
    inspectObjects(context, args, (name) => context.client.volumes.inspect(name), flags.text('format')),
};
