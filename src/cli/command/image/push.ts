import { formatReference, parseReference, repositoryOf, withDefaultTag } from '../../../oci/index.ts';
import type { Command } from '../../command.ts';
import { credentialsFor } from '../../credentials.ts';
import { bool } from '../../flags.ts';
import { showProgress } from '../../progress/messages.ts';

export const command: Command = {
  name: 'push',
  summary: 'Upload an image to a registry',
  usage: '[OPTIONS] NAME[:TAG]',
  flags: [bool('quiet', 'q', 'Suppress verbose output')],
  arity: [1, 1],
  async run({ args: [image = ''], flags, context }) {
    const quiet = flags.bool('quiet');
    const parsed = parseReference(image);
    if (!quiet && parsed.tag === undefined) context.stdout.write('Using default tag: latest\n');
    const reference = withDefaultTag(parsed);
    const credentials = await credentialsFor(context, reference.domain);
    const messages = context.client.images.push(repositoryOf(reference), reference.tag ?? '', { credentials });
    await showProgress(messages, context.stdout, { quiet });
    if (quiet) context.stdout.write(`${formatReference(reference)}\n`);
  },
};
