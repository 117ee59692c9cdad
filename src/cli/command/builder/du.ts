import type { BuildCacheRecord } from '../../../client/index.ts';
import type { Command } from '../../command.ts';
import { bool, list, text } from '../../flags.ts';
import { printRows } from '../../format/rows.ts';
import { humanSize } from '../../format/units.ts';
import { UsageError } from '../../usage-error.ts';
import { CACHE_FIELDS, isReclaimable } from './cache-table.ts';

export const command: Command = {
  name: 'builder du',
  summary: 'Disk usage of the build cache',
  usage: '[OPTIONS]',
  flags: [
    bool('verbose', '', 'Show all that is known of each record'),
    list('filter', '', 'Show only records with these values (e.g. "type=exec.cachemount", "id=1a2b")'),
    text('format', '', 'Format output: "table", "table TEMPLATE", "json" or a Go template'),
  ],
  async run({ flags, context }) {
    const usage = await context.client.system.diskUsage('build-cache');
    const all = (usage.BuildCache ?? []).filter(filterOf(flags.list('filter')));
    const records = all.toSorted((a, b) => (a.LastUsedAt ?? '').localeCompare(b.LastUsedAt ?? ''));
    const format = flags.text('format');
    if (flags.bool('verbose') && format === undefined) {
      context.stdout.write(records.map(verbose).join('\n'));
      if (records.length > 0) context.stdout.write('\n');
    } else if (records.length > 0 || format !== undefined) {
      const columns = ['ID', 'Reclaimable', 'Type', 'Description', 'Size', 'LastUsedSince'];
      await printRows(context, records, { fields: CACHE_FIELDS, columns, format });
    }
    if (format !== undefined) return;
    context.stdout.write(totals(records));
  },
};

function filterOf(words: readonly string[]): (record: BuildCacheRecord) => boolean {
  const tests = words.map((word): ((record: BuildCacheRecord) => boolean) => {
    const [name = '', value = 'true'] = word.split(/=(.*)/s);
    if (name === 'id') return ({ ID }) => ID.startsWith(value);
    if (name === 'type') return ({ Type }) => Type === value;
    if (name === 'description') return ({ Description }) => Description.includes(value);
    if (name === 'inuse') return ({ InUse }) => String(InUse) === value;
    if (name === 'shared') return ({ Shared }) => String(Shared) === value;
    throw new UsageError(`invalid filter "${word}": one of id, type, description, inuse, shared is wanted`);
  });
  return (record) => tests.every((test) => test(record));
}

function verbose(record: BuildCacheRecord): string {
  const lines = {
    ID: record.ID,
    Parents: (record.Parents ?? []).join(', '),
    'Created at': record.CreatedAt,
    'In use': record.InUse,
    Reclaimable: isReclaimable(record),
    Shared: record.Shared,
    Size: humanSize(record.Size),
    Description: record.Description,
    'Usage count': record.UsageCount,
    'Last used': record.LastUsedAt ?? '',
    Type: record.Type,
  };
  return Object.entries(lines)
    .map(([name, value]) => `${`${name}:`.padEnd(14)}${String(value)}\n`)
    .join('');
}

function totals(records: readonly BuildCacheRecord[]): string {
  const sizeOf = (some: readonly BuildCacheRecord[]): number => some.reduce((sum, { Size }) => sum + Size, 0);
  const isPrivate = ({ Shared }: BuildCacheRecord): boolean => !Shared;
  const rows = {
    Shared: sizeOf(records.filter(({ Shared }) => Shared)),
    Private: sizeOf(records.filter(isPrivate)),
    Reclaimable: sizeOf(records.filter((record) => isPrivate(record) && isReclaimable(record))),
    Total: sizeOf(records),
  };
  return Object.entries(rows)
    .map(([name, size]) => `${`${name}:`.padEnd(14)}${humanSize(size)}\n`)
    .join('');
}
