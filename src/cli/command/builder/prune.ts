import type { Command } from '../../command.ts';
import { bool, list } from '../../flags.ts';
import { runPrune } from '../../prune.ts';

export const command: Command = {
  name: 'builder prune',
  summary: 'Remove build cache',
  usage: '[OPTIONS]',
  flags: [
    bool('all', 'a', 'Remove all unused build cache, not just dangling ones'),
    bool('force', 'f', 'Do not prompt for confirmation'),
    list('filter', '', 'Provide filter values (e.g. "until=24h")'),
  ],
  run: (invocation) => {
    const all = invocation.flags.bool('all');
    return runPrune(invocation, {
      warning: all ? 'This will remove all build cache.' : 'This will remove all dangling build cache.',
      title: 'Deleted build cache objects:',
      prune: async (filters, { client }) => {
        const report = await client.images.buildPrune({ all, filters });
        return { deleted: report.CachesDeleted ?? [], reclaimed: report.SpaceReclaimed ?? 0 };
      },
    });
  },
};
