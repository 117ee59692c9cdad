import { ANY, type Command } from '../../command.ts';
import { text } from '../../flags.ts';
import { inspectObjects } from '../../inspect-objects.ts';

export const command: Command = {
  name: 'image inspect',
  summary: 'Display detailed information on one or more images',
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  flags: [text('format', 'f', 'Format output using a Go template')],
  arity: [1, ANY],
  run: ({ args, flags, context }) =>
    inspectObjects(context, args, (name) => context.client.images.inspect(name), flags.text('format')),
};
