import type { Command } from '../../command.ts';
import { bool, list } from '../../flags.ts';
import { runPrune } from '../../prune.ts';

export const command: Command = {
  name: 'network prune',
  summary: 'Remove all unused networks',
  usage: '[OPTIONS]',
  flags: [bool('force', 'f', 'Do not prompt for confirmation'), list('filter', '', 'Provide filter values')],
  run: (invocation) =>
    runPrune(invocation, {
      warning: 'This will remove all custom networks not used by at least one container.',
      title: 'Deleted Networks:',
      prune: async (filters, { client }) => ({ deleted: (await client.networks.prune(filters)).NetworksDeleted ?? [] }),
    }),
};
