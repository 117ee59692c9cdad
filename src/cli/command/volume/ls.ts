import type { VolumeSummary } from '../../../client/index.ts';
import type { Command } from '../../command.ts';
import { parseFilters } from '../../filters.ts';
import { bool, list, text } from '../../flags.ts';
import { labelText } from '../../format/labels.ts';
import { printRows, type Fields } from '../../format/rows.ts';
import { humanSize } from '../../format/units.ts';

const FIELDS: Fields<VolumeSummary> = {
  Availability: { header: 'AVAILABILITY', value: () => 'N/A' },
  Driver: { header: 'DRIVER', value: ({ Driver }) => Driver },
  Group: { header: 'GROUP', value: () => 'N/A' },
  Labels: { header: 'LABELS', value: ({ Labels }) => labelText(Labels) },
  Label: {
    header: '',
    method: true,
    value:
      ({ Labels }) =>
      (name: string) =>
        Labels?.[name] ?? '',
  },
  Links: { header: 'LINKS', value: ({ UsageData }) => (UsageData ? String(UsageData.RefCount) : 'N/A') },
  Mountpoint: { header: 'MOUNTPOINT', value: ({ Mountpoint }) => Mountpoint },
  Name: { header: 'VOLUME NAME', value: ({ Name }) => Name },
  Scope: { header: 'SCOPE', value: ({ Scope }) => Scope },
  Size: { header: 'SIZE', value: ({ UsageData }) => (UsageData ? humanSize(UsageData.Size) : 'N/A') },
  Status: { header: 'STATUS', value: () => 'N/A' },
};

export const command: Command = {
  name: 'volume ls',
  summary: 'List volumes',
  usage: '[OPTIONS]',
  flags: [
    list('filter', 'f', 'Provide filter values (e.g. "dangling=true")'),
    text('format', '', 'Format output: "table", "table TEMPLATE", "json" or a Go template'),
    bool('quiet', 'q', 'Only display volume names'),
  ],
  async run({ flags, context }) {
    const volumes = await context.client.volumes.list(parseFilters(flags.list('filter')));
    volumes.sort((a, b) => (a.Name < b.Name ? -1 : 1));
    await printRows(context, volumes, {
      fields: FIELDS,
      columns: ['Driver', 'Name'],
      format: flags.text('format'),
      ...(flags.bool('quiet') ? { quiet: 'Name' } : {}),
    });
  },
};
