import type { Command } from '../../command.ts';
import { bool, list } from '../../flags.ts';
import { deletedImageLines, runPrune } from '../../prune.ts';

export const command: Command = {
  name: 'image prune',
  summary: 'Remove unused images',
  usage: '[OPTIONS]',
  flags: [
    bool('all', 'a', 'Remove all unused images, not just dangling ones'),
    bool('force', 'f', 'Do not prompt for confirmation'),
    list('filter', '', 'Provide filter values (e.g. "until=<timestamp>")'),
  ],
  run: (invocation) => {
    const all = invocation.flags.bool('all');
    return runPrune(invocation, {
      warning: all
        ? 'This will remove all images without at least one container associated to them.'
        : 'This will remove all dangling images.',
      title: 'Deleted Images:',
      extraFilters: { dangling: [String(!all)] },
      prune: async (filters, { client }) => {
        const report = await client.images.prune(filters);
        return { deleted: deletedImageLines(report), reclaimed: report.SpaceReclaimed ?? 0 };
      },
    });
  },
};
