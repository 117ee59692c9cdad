import type { Command } from '../../command.ts';
import { bool, list } from '../../flags.ts';
import { runPrune } from '../../prune.ts';

export const command: Command = {
  name: 'container prune',
  summary: 'Remove all stopped containers',
  usage: '[OPTIONS]',
  flags: [bool('force', 'f', 'Do not prompt for confirmation'), list('filter', '', 'Provide filter values')],
  run: (invocation) =>
    runPrune(invocation, {
      warning: 'This will remove all stopped containers.',
      title: 'Deleted Containers:',
      prune: async (filters, { client }) => {
        const report = await client.containers.prune(filters);
        return { deleted: report.ContainersDeleted ?? [], reclaimed: report.SpaceReclaimed ?? 0 };
      },
    }),
};
