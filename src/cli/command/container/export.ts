import type { Command } from '../../command.ts';
import { text } from '../../flags.ts';
import { writeOutput } from '../../output-file.ts';

export const command: Command = {
  name: 'export',
  summary: 'Export a container’s filesystem as a tar archive',
  usage: '[OPTIONS] CONTAINER',
  flags: [text('output', 'o', 'Write to a file, instead of STDOUT')],
  arity: [1, 1],
  run: ({ args: [container = ''], flags, context }) =>
    writeOutput(context, () => context.client.containers.export(container), flags.text('output')),
};
