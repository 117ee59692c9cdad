import { ANY, type Command } from '../../command.ts';
import { text } from '../../flags.ts';
import { writeOutput } from '../../output-file.ts';

export const command: Command = {
  name: 'save',
  summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  flags: [text('output', 'o', 'Write to a file, instead of STDOUT')],
  examples: ['lading save -o app.tar my/app:1', 'lading save my/app:1 | ssh host lading load'],
  arity: [1, ANY],
  run: ({ args, flags, context }) => writeOutput(context, () => context.client.images.save(args), flags.text('output')),
};
