import type { BuildRecord } from '../../../client/index.ts';
import type { Command } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { printRows, type Fields } from '../../format/rows.ts';
import { ago, shortId } from '../../format/units.ts';
import { seconds } from '../../progress/build-steps.ts';

const FIELDS: Fields<BuildRecord> = {
  ID: { header: 'BUILD ID', value: ({ id }) => id },
  Name: { header: 'NAME', value: ({ name }) => name },
  Status: { header: 'STATUS', value: ({ status }) => status },
  Created: { header: 'CREATED', value: ({ startedAt }) => ago(Date.parse(startedAt) / 1000) },
  CreatedAt: { header: 'CREATED AT', value: ({ startedAt }) => startedAt },
  Duration: { header: 'DURATION', value: ({ durationMs }) => seconds(durationMs) },
  Steps: { header: 'STEPS', value: ({ steps }) => steps.length },
  Cached: { header: 'CACHED', value: ({ steps }) => steps.filter(({ status }) => status === 'cached').length },
  Image: { header: 'IMAGE', value: ({ imageId = '' }) => shortId(imageId) },
};

export const command: Command = {
  name: 'builds ls',
  summary: 'List recorded builds',
  usage: '[OPTIONS] [NAME]',
  flags: [
    text('format', '', 'Format output: "table", "table TEMPLATE", "json" or a Go template'),
    bool('quiet', 'q', 'Only display build IDs'),
  ],
  examples: ['lading builds ls', 'lading builds ls my/app'],
  arity: [0, 1],
  async run({ args: [name], flags, context }) {
    await printRows(context, await context.client.builds.list(name), {
      fields: FIELDS,
      columns: ['ID', 'Name', 'Status', 'Created', 'Duration', 'Steps', 'Cached', 'Image'],
      format: flags.text('format'),
      ...(flags.bool('quiet') ? { quiet: 'ID' } : {}),
    });
  },
};
