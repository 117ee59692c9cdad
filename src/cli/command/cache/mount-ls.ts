import type { CacheMount } from '../../../client/index.ts';
import type { Command } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { printRows, type Fields } from '../../format/rows.ts';
import { ago, humanSize } from '../../format/units.ts';

/** Of a folder's name; what follows it tells folders of `sharing=private` apart. */
const SHORT_ID = 12;

const MOUNT_FIELDS: Fields<CacheMount> = {
  ID: { header: 'ID', value: ({ ID }) => `${ID.slice(0, SHORT_ID)}` },
  Name: { header: 'NAME', value: ({ Name }) => Name || '(unknown)' },
  Namespace: { header: 'NAMESPACE', value: ({ Namespace }) => Namespace },
  Size: { header: 'SIZE', value: ({ Size }) => humanSize(Size) },
  CreatedAt: { header: 'CREATED AT', value: ({ CreatedAt }) => CreatedAt },
  CreatedSince: { header: 'CREATED', value: ({ CreatedAt }) => ago(Date.parse(CreatedAt) / 1000) },
  LastUsedAt: { header: 'LAST USED AT', value: ({ LastUsedAt }) => LastUsedAt },
  LastUsedSince: { header: 'LAST USED', value: ({ LastUsedAt }) => ago(Date.parse(LastUsedAt) / 1000) },
  UsageCount: { header: 'USES', value: ({ UsageCount }) => String(UsageCount) },
  InUse: { header: 'IN USE', value: ({ InUse }) => String(InUse) },
  FullID: { header: 'FULL ID', value: ({ ID }) => ID },
};

export const command: Command = {
  name: 'cache mount ls',
  summary: 'List cache mounts',
  usage: '[OPTIONS]',
  flags: [
    text('format', '', 'Format output: "table", "table TEMPLATE", "json" or a Go template'),
    bool('quiet', 'q', 'Only display IDs'),
  ],
  async run({ flags, context }) {
    await printRows(context, await context.client.cacheMounts.list(), {
      fields: MOUNT_FIELDS,
      columns: ['ID', 'Name', 'Namespace', 'Size', 'LastUsedSince', 'UsageCount', 'InUse'],
      format: flags.text('format'),
      ...(flags.bool('quiet') ? { quiet: 'FullID' } : {}),
    });
  },
};
