import type { NetworkSummary } from '../../../client/index.ts';
import type { Command } from '../../command.ts';
import { parseFilters } from '../../filters.ts';
import { bool, list, text } from '../../flags.ts';
import { labelText } from '../../format/labels.ts';
import { printRows, type Fields } from '../../format/rows.ts';
import { shortId } from '../../format/units.ts';

export const command: Command = {
  name: 'network ls',
  summary: 'List networks',
  usage: '[OPTIONS]',
  flags: [
    list('filter', 'f', 'Provide filter values (e.g. "driver=bridge")'),
    text('format', '', 'Format output: "table", "table TEMPLATE", "json" or a Go template'),
    bool('no-trunc', '', 'Do not truncate the output'),
    bool('quiet', 'q', 'Only display network IDs'),
  ],
  async run({ flags, context }) {
    const networks = await context.client.networks.list(parseFilters(flags.list('filter')));
    networks.sort((a, b) => (a.Name < b.Name ? -1 : 1));
    await printRows(context, networks, {
      fields: networkFields(flags.bool('no-trunc')),
      columns: ['ID', 'Name', 'Driver', 'Scope'],
      format: flags.text('format'),
      ...(flags.bool('quiet') ? { quiet: 'ID' } : {}),
    });
  },
};

function networkFields(full: boolean): Fields<NetworkSummary> {
  return {
    ID: { header: 'NETWORK ID', value: ({ Id }) => (full ? Id : shortId(Id)) },
    Name: { header: 'NAME', value: ({ Name }) => Name },
    Driver: { header: 'DRIVER', value: ({ Driver }) => Driver },
    Scope: { header: 'SCOPE', value: ({ Scope }) => Scope },
    IPv4: { header: 'IPV4', value: ({ EnableIPv4 }) => String(EnableIPv4 ?? false) },
    IPv6: { header: 'IPV6', value: ({ EnableIPv6 }) => String(EnableIPv6) },
    Internal: { header: 'INTERNAL', value: ({ Internal }) => String(Internal) },
    Labels: { header: 'LABELS', value: ({ Labels }) => labelText(Labels) },
    Label: {
      header: '',
      method: true,
      value:
        ({ Labels }) =>
        (name: string) =>
          Labels?.[name] ?? '',
    },
    CreatedAt: { header: 'CREATED AT', value: ({ Created }) => Created.replace('T', ' ').replace('Z', ' +0000 UTC') },
  };
}
