import { ANY, type Command } from '../../command.ts';
import { text } from '../../flags.ts';
import { inspectObjects } from '../../inspect-objects.ts';

export const command: Command = {
  name: 'builds inspect',
  summary: 'Display detailed information on one or more builds',
  usage: '[OPTIONS] BUILD [BUILD...]',
  flags: [text('format', 'f', 'Format output using a Go template, or "json"')],
  arity: [1, ANY],
  run: ({ args, flags, context }) =>
    inspectObjects(context, args, async (ref) => (await context.client.builds.get(ref)).record, flags.text('format')),
};
