import type { BuildPruneQuery, PruneReport } from '../../../client/index.ts';
import type { Command, Invocation } from '../../command.ts';
import { confirm } from '../../confirm.ts';
import { parseBytes } from '../../container-options/values.ts';
import { parseFilters } from '../../filters.ts';
import { bool, list, text, type FlagValues } from '../../flags.ts';
import { printRows } from '../../format/rows.ts';
import { humanSize } from '../../format/units.ts';
import { EXIT_FAILURE } from '../../usage-error.ts';
import { CACHE_FIELDS } from './cache-table.ts';

/** Filters that need no value. */
const FLAGS = ['inuse', 'shared', 'private'];

export const command: Command = {
  name: 'builder prune',
  summary: 'Remove build cache',
  usage: '[OPTIONS]',
  flags: [
    bool('all', 'a', 'Remove all unused build cache, not just dangling ones'),
    bool('force', 'f', 'Do not prompt for confirmation'),
    list('filter', '', 'Provide filter values (e.g. "until=24h", "type=exec.cachemount")'),
    text('keep-storage', '', 'Amount of disk space to keep for cache: the same as --reserved-space'),
    text('reserved-space', '', 'Amount of disk space always allowed to keep for cache'),
    text('max-used-space', '', 'Maximum amount of disk space allowed to keep for cache'),
    text('min-free-space', '', 'Target amount of free disk space after pruning'),
    bool('dry-run', '', 'Show what would be removed and how much that frees'),
  ],
  examples: [
    'lading builder prune --dry-run --max-used-space 5GB',
    'lading builder prune --force --filter unused-for=72h',
  ],
  async run({ flags, context }: Invocation) {
    const query = queryOf(flags);
    if (!query.dryRun && !flags.bool('force') && !(await confirm(context, warningOf(query)))) return EXIT_FAILURE;
    const report = await context.client.images.buildPrune(query);
    await printBill(context, report);
    const total = humanSize(report.SpaceReclaimed ?? 0);
    context.stdout.write(
      query.dryRun ? `Total that would be reclaimed: ${total}\n` : `Total reclaimed space: ${total}\n`,
    );
    return 0;
  },
};

function queryOf(flags: FlagValues): BuildPruneQuery {
  const size = (...names: string[]): number | undefined => {
    const name = names.find((one) => flags.text(one) !== undefined);
    return name === undefined ? undefined : parseBytes(flags.text(name) ?? '', name);
  };
  const words = flags.list('filter').map((word) => (FLAGS.includes(word) ? `${word}=true` : word));
  return {
    all: flags.bool('all'),
    filters: parseFilters(words),
    reservedBytes: size('reserved-space', 'keep-storage'),
    maxUsedBytes: size('max-used-space'),
    minFreeBytes: size('min-free-space'),
    dryRun: flags.bool('dry-run'),
    details: true,
  };
}

function warningOf({ all }: BuildPruneQuery): string {
  return all ? 'This will remove all build cache.' : 'This will remove all dangling build cache.';
}

/** Each thing that went, with what that freed. */
async function printBill(context: Invocation['context'], { Items = [] }: PruneReport): Promise<void> {
  if (Items.length === 0) return;
  const columns = ['ID', 'Type', 'Description', 'Size', 'LastUsedSince', 'UsageCount'];
  await printRows(context, Items, { fields: CACHE_FIELDS, columns });
  context.stdout.write('\n');
}
