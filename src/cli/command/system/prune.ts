import type { Command } from '../../command.ts';
import { confirm } from '../../confirm.ts';
import { parseFilters } from '../../filters.ts';
import { bool, list } from '../../flags.ts';
import { humanSize } from '../../format/units.ts';
import { deletedImageLines } from '../../prune.ts';
import { EXIT_FAILURE } from '../../usage-error.ts';

export const command: Command = {
  name: 'system prune',
  summary: 'Remove unused data',
  usage: '[OPTIONS]',
  flags: [
    bool('all', 'a', 'Remove all unused images not just dangling ones'),
    list('filter', '', 'Provide filter values (e.g. "label=<key>=<value>")'),
    bool('force', 'f', 'Do not prompt for confirmation'),
    bool('volumes', '', 'Prune anonymous volumes'),
  ],
  async run({ flags, context }) {
    const { client, stdout } = context;
    const [all, volumes] = [flags.bool('all'), flags.bool('volumes')];
    if (!flags.bool('force') && !(await confirm(context, warningText(all, volumes)))) return EXIT_FAILURE;
    const filters = parseFilters(flags.list('filter'));
    const reports: [string, readonly string[], number][] = [];
    const containers = await client.containers.prune(filters);
    reports.push(['Deleted Containers:', containers.ContainersDeleted ?? [], containers.SpaceReclaimed ?? 0]);
    reports.push(['Deleted Networks:', (await client.networks.prune(filters)).NetworksDeleted ?? [], 0]);
    if (volumes) {
      const report = await client.volumes.prune(filters);
      reports.push(['Deleted Volumes:', report.VolumesDeleted ?? [], report.SpaceReclaimed ?? 0]);
    }
    const images = await client.images.prune({ ...filters, dangling: [String(!all)] });
    reports.push(['Deleted Images:', deletedImageLines(images), images.SpaceReclaimed ?? 0]);
    const cache = await client.images.buildPrune({ all, filters });
    reports.push(['Deleted build cache objects:', cache.CachesDeleted ?? [], cache.SpaceReclaimed ?? 0]);
    for (const [title, deleted] of reports) if (deleted.length > 0) stdout.write(`${title}\n${deleted.join('\n')}\n\n`);
    stdout.write(`Total reclaimed space: ${humanSize(reports.reduce((total, [, , size]) => total + size, 0))}\n`);
    return 0;
  },
};

function warningText(all: boolean, volumes: boolean): string {
  const parts = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(volumes ? ['all anonymous volumes not used by at least one container'] : []),
    all ? 'all images without at least one container associated to them' : 'all dangling images',
    all ? 'all build cache' : 'unused build cache',
  ];
  return `This will remove:\n${parts.map((part) => `  - ${part}\n`).join('')}`;
}
