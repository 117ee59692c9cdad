import type { Filters, PruneReport } from '../client/index.ts';
import type { Context, Invocation } from './command.ts';
import { confirm } from './confirm.ts';
import { parseFilters } from './filters.ts';
import { humanSize } from './format/units.ts';

export interface Pruning {
  readonly warning: string;
  readonly title: string;
  readonly extraFilters?: Filters;
  readonly prune: (
    filters: Filters,
    context: Context,
  ) => Promise<{ deleted: readonly string[]; reclaimed?: number | undefined }>;
}

/** Asks (unless --force), prunes, and tells what went and what that freed. */
export async function runPrune({ flags, context }: Invocation, pruning: Pruning): Promise<number> {
  const filters = parseFilters(flags.list('filter'), pruning.extraFilters);
  if (!flags.bool('force') && !(await confirm(context, pruning.warning))) return 1;
  const { deleted, reclaimed } = await pruning.prune(filters, context);
  if (deleted.length > 0) context.stdout.write(`${pruning.title}\n${deleted.join('\n')}\n\n`);
  if (reclaimed !== undefined) context.stdout.write(`Total reclaimed space: ${humanSize(reclaimed)}\n`);
  return 0;
}

/** "untagged: …" and "deleted: …" lines of an image prune. */
export function deletedImageLines(report: PruneReport): string[] {
  return (report.ImagesDeleted ?? []).map((one) =>
    one.Untagged === undefined ? `deleted: ${one.Deleted}` : `untagged: ${one.Untagged}`,
  );
}
