import { familiarRepository, parseReference } from '../../../oci/index.ts';
import type { Command } from '../../command.ts';
import { list, text } from '../../flags.ts';
import { openInput } from '../../input-file.ts';
import { showProgress } from '../../progress/messages.ts';

export const command: Command = {
  name: 'import',
  summary: 'Import the contents from a tarball to create a filesystem image',
  usage: '[OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  flags: [
    list('change', 'c', 'Apply Dockerfile instruction to the created image'),
    text('message', 'm', 'Set commit message for imported image'),
    text('platform', '', 'Set platform if server is multi-platform capable'),
  ],
  examples: ['tar -C rootfs -c . | lading import -c \'CMD ["sh"]\' - my/base:1'],
  arity: [1, 2],
  async run({ args: [source = '', target], flags, context }) {
    const remote = /^https?:\/\//.test(source);
    const reference = target === undefined ? undefined : parseReference(target);
    const messages = context.client.images.import(remote ? undefined : await openInput(context, source), {
      fromSrc: remote ? source : '-',
      ...(reference === undefined ? {} : { repo: familiarRepository(reference), tag: reference.tag ?? '' }),
      message: flags.text('message'),
      changes: flags.list('change'),
      platform: flags.text('platform'),
    });
    await showProgress(messages, context.stdout);
  },
};
