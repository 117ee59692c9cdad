import type { Command } from '../../command.ts';
import { bool, list } from '../../flags.ts';
import { runPrune } from '../../prune.ts';

export const command: Command = {
  name: 'volume prune',
  summary: 'Remove unused local volumes',
  usage: '[OPTIONS]',
  flags: [
    bool('all', 'a', 'Remove all unused volumes, not just anonymous ones'),
    bool('force', 'f', 'Do not prompt for confirmation'),
    list('filter', '', 'Provide filter values (e.g. "label=<label>")'),
  ],
  run: (invocation) => {
    const all = invocation.flags.bool('all');
    return runPrune(invocation, {
      warning: `This will remove ${all ? 'all' : 'anonymous'} local volumes not used by at least one container.`,
      title: 'Deleted Volumes:',
      ...(all ? { extraFilters: { all: ['true'] } } : {}),
      prune: async (filters, { client }) => {
        const report = await client.volumes.prune(filters);
        return { deleted: report.VolumesDeleted ?? [], reclaimed: report.SpaceReclaimed ?? 0 };
      },
    });
  },
};
