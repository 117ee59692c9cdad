import { ANY, type Command } from '../../command.ts';
import { bool } from '../../flags.ts';
import { humanSize } from '../../format/units.ts';
import { mountQuery } from './mount-query.ts';

export const command: Command = {
  name: 'cache mount rm',
  summary: 'Remove cache mounts',
  usage: '[OPTIONS] [ID | NAME]...',
  flags: [bool('all', 'a', 'Remove all that no running build uses')],
  arity: [0, ANY],
  async run(invocation) {
    const { client, stdout } = invocation.context;
    const removed = await client.cacheMounts.remove(mountQuery(invocation));
    for (const { ID } of removed) stdout.write(`${ID}\n`);
    const size = removed.reduce((sum, { Size }) => sum + Size, 0);
    stdout.write(`Total reclaimed space: ${humanSize(size)}\n`);
  },
};
