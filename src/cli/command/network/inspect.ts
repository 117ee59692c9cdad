import { ANY, type Command } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { inspectObjects } from '../../inspect-objects.ts';

export const command: Command = {
  name: 'network inspect',
  summary: 'Display detailed information on one or more networks',
  usage: '[OPTIONS] NETWORK [NETWORK...]',
  flags: [
    text('format', 'f', 'Format output using a Go template'),
    bool('verbose', 'v', 'Verbose output for diagnostics'),
  ],
  arity: [1, ANY],
  run: ({ args, flags, context }) =>
    inspectObjects(context, args, (name) => context.client.networks.inspect(name), flags.text('format')),
};
