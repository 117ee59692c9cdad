import type { Command } from '../../command.ts';
import { copyFromContainer } from '../../copy/from-container.ts';
import { parseCopyPath } from '../../copy/copy-path.ts';
import { copyToContainer } from '../../copy/to-container.ts';
import { bool } from '../../flags.ts';
import { EXIT_FAILURE, UsageError } from '../../usage-error.ts';

export const command: Command = {
  name: 'cp',
  summary: 'Copy files/folders between a container and the local filesystem',
  usage: '[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tlading cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH',
  flags: [
    bool('archive', 'a', 'Archive mode (copy all uid/gid information)'),
    bool('follow-link', 'L', 'Always follow symbol link in SRC_PATH'),
    bool('quiet', 'q', 'Suppress progress output during copy'),
  ],
  examples: ['lading cp web:/var/log/app.log .', 'lading cp ./public/. web:/srv/public'],
  arity: [2, 2],
  async run({ args: [first = '', second = ''], flags, context }) {
    const source = parseCopyPath(first);
    const target = parseCopyPath(second);
    const options = { archive: flags.bool('archive'), followLink: flags.bool('follow-link') };
    if (source.container !== undefined && target.container !== undefined)
      throw new UsageError('copying between containers is not supported', EXIT_FAILURE);
    if (source.container !== undefined)
      await copyFromContainer(context, source.container, source.path, target.path, options);
    else if (target.container !== undefined)
      await copyToContainer(context, source.path, target.container, target.path, options);
    else throw new UsageError('must specify at least one container source', EXIT_FAILURE);
    if (!flags.bool('quiet') && context.stderr.isTTY)
      context.stderr.write(`Successfully copied ${first} to ${second}\n`);
  },
};
