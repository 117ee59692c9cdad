import { familiarRepository, parseReference } from '../../../oci/index.ts';
import type { Command } from '../../command.ts';
import { bool, list, text } from '../../flags.ts';

export const command: Command = {
  name: 'commit',
  summary: 'Create a new image from a container’s changes',
  usage: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  flags: [
    text('author', 'a', 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")'),
    list('change', 'c', 'Apply Dockerfile instruction to the created image'),
    text('message', 'm', 'Commit message'),
    bool('pause', 'p', 'Pause container during commit (default true)'),
  ],
  examples: [`lading commit -c 'CMD ["node", "server.js"]' web my/web:1`],
  arity: [1, 2],
  async run({ args: [container = '', target], flags, context }) {
    const reference = target === undefined ? undefined : parseReference(target);
    const { Id } = await context.client.containers.commit({
      container,
      ...(reference === undefined ? {} : { repo: familiarRepository(reference), tag: reference.tag ?? '' }),
      author: flags.text('author'),
      comment: flags.text('message'),
      changes: flags.list('change'),
      pause: flags.has('pause') && !flags.bool('pause') ? '0' : '1',
    });
    context.stdout.write(`${Id}\n`);
  },
};
