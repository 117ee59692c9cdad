import { familiarReference, parseReference } from '../../../oci/index.ts';
import type { Command } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { pullImage } from '../../pull-image.ts';

export const command: Command = {
  name: 'pull',
  summary: 'Download an image from a registry',
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  flags: [
    text('platform', '', 'Set platform if server is multi-platform capable'),
    bool('quiet', 'q', 'Suppress verbose output'),
  ],
  arity: [1, 1],
  async run({ args: [image = ''], flags, context }) {
    const reference = parseReference(image);
    if (!flags.bool('quiet') && reference.tag === undefined && reference.digest === undefined)
      context.stdout.write(`Using default tag: latest\n`);
    const name = await pullImage(context, familiarReference(reference), {
      platform: flags.text('platform'),
      quiet: flags.bool('quiet'),
      out: context.stdout,
    });
    context.stdout.write(`${name}\n`);
  },
};
