import type { HistoryItem } from '../../../client/index.ts';
import type { Command } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { printRows, type Fields } from '../../format/rows.ts';
import { ago, ellipsis, goTime, humanSize, shortId } from '../../format/units.ts';

const CREATED_BY_WIDTH = 45;

export const command: Command = {
  name: 'history',
  summary: 'Show the history of an image',
  usage: '[OPTIONS] IMAGE',
  flags: [
    text('format', '', 'Format output: "table", "table TEMPLATE", "json" or a Go template'),
    bool('human', 'H', 'Print sizes and dates in human readable format (default true)'),
    bool('no-trunc', '', "Don't truncate output"),
    bool('quiet', 'q', 'Only show image IDs'),
  ],
  arity: [1, 1],
  async run({ args: [image = ''], flags, context }) {
    const human = !flags.has('human') || flags.bool('human');
    await printRows(context, await context.client.images.history(image), {
      fields: historyFields(flags.bool('no-trunc'), human),
      columns: ['ID', human ? 'CreatedSince' : 'CreatedAt', 'CreatedBy', 'Size', 'Comment'],
      format: flags.text('format'),
      ...(flags.bool('quiet') ? { quiet: 'ID' } : {}),
    });
  },
};

function historyFields(full: boolean, human: boolean): Fields<HistoryItem> {
  const oneLine = (text: string): string => text.replaceAll('\t', ' ');
  return {
    ID: { header: 'IMAGE', value: ({ Id }) => (full ? Id : shortId(Id)) },
    CreatedSince: { header: 'CREATED', value: ({ Created }) => (Created <= 0 ? 'N/A' : ago(Created)) },
    CreatedAt: {
      header: 'CREATED AT',
      value: ({ Created }) => goTime(Created).replace(' +0000 UTC', 'Z').replace(' ', 'T'),
    },
    CreatedBy: {
      header: 'CREATED BY',
      value: ({ CreatedBy }) => (full ? oneLine(CreatedBy) : ellipsis(oneLine(CreatedBy), CREATED_BY_WIDTH)),
    },
    Size: { header: 'SIZE', value: ({ Size }) => (human ? humanSize(Size, 3) : String(Size)) },
    Comment: { header: 'COMMENT', value: ({ Comment }) => Comment },
  };
}
