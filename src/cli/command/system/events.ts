import type { EngineEvent } from '../../../client/index.ts';
import type { Command } from '../../command.ts';
import { parseFilters } from '../../filters.ts';
import { list, text } from '../../flags.ts';
import { parseTime } from '../../time.ts';

export const command: Command = {
  name: 'events',
  summary: 'Get real time events from the server',
  usage: '[OPTIONS]',
  flags: [
    list('filter', 'f', 'Filter output based on conditions provided'),
    text('format', '', 'Format output: "json" or a Go template'),
    text('since', '', 'Show all events created since timestamp'),
    text('until', '', 'Stream events until this timestamp'),
  ],
  async run({ flags, context }) {
    const format = flags.text('format');
    const show = await formatter(format);
    const query = {
      since: parseTime(flags.text('since')),
      until: parseTime(flags.text('until')),
      filters: parseFilters(flags.list('filter')),
    };
    for await (const event of context.client.system.events(query)) context.stdout.write(`${show(event)}\n`);
  },
};

async function formatter(format: string | undefined): Promise<(event: EngineEvent) => string> {
  if (format === undefined || format === '') return eventLine;
  if (format === 'json') return (event) => JSON.stringify(event);
  const { compileTemplate } = await import('../../format/template/index.ts');
  return compileTemplate(format);
}

/** "2026-11-23T11:08:16.000000000Z container start 0123… (image=alpine, name=web)" */
function eventLine(event: EngineEvent): string {
  const attributes = Object.entries(event.Actor.Attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  const fraction = String(event.timeNano % 1e9).padStart(9, '0');
  const time = `${new Date(event.time * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
  return `${time} ${event.Type} ${event.Action} ${event.Actor.ID}${attributes.length === 0 ? '' : ` (${attributes.join(', ')})`}`;
}
