import type { Engine, Filters, ImageView } from '../../../engine/index.ts';
import { booleanFilter, matchesGlob, matchesLabels } from '../filters.ts';

export const IMAGE_FILTERS = ['dangling', 'label', 'before', 'since', 'reference', 'until'] as const;

async function createdAt(engine: Engine, values: readonly string[] | undefined): Promise<number | undefined> {
  const ref = values?.at(-1);
  return ref === undefined ? undefined : Date.parse((await engine.images.get(ref)).createdAt);
}

/** A `reference` pattern is compared with "name" and "name:tag". */
function matchesReference(pattern: string, reference: string): boolean {
  const withoutDigest = reference.split('@')[0] ?? '';
  const colon = withoutDigest.lastIndexOf(':');
  const name = colon > withoutDigest.lastIndexOf('/') ? withoutDigest.slice(0, colon) : withoutDigest;
  return matchesGlob(pattern, reference) || matchesGlob(pattern, name);
}

/** Only the references that a `reference` filter names are shown. */
function withReferences(view: ImageView, patterns: readonly string[] | undefined): ImageView | undefined {
  if (patterns === undefined) return view;
  const keep = (reference: string): boolean => patterns.some((pattern) => matchesReference(pattern, reference));
  const [repoTags, repoDigests] = [view.repoTags.filter(keep), view.repoDigests.filter(keep)];
  return repoTags.length + repoDigests.length === 0 ? undefined : { ...view, repoTags, repoDigests };
}

/** `until` in Docker's forms: Unix time, date, or a Go duration before now. */
function untilMs(value: string): number {
  if (/^[0-9]+(\.[0-9]+)?$/.test(value)) return Number(value) * 1000;
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  const parts = [...value.matchAll(/([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)/g)];
  if (parts.length > 0 && parts.map(([part]) => part).join('') === value)
    return Date.now() - parts.reduce((sum, [, number, unit = '']) => sum + Number(number) * (units[unit] ?? 0), 0);
  return Date.parse(value);
}

export async function filterImages(
  engine: Engine,
  views: readonly ImageView[],
  filters: Filters,
): Promise<ImageView[]> {
  const dangling = booleanFilter('dangling', filters['dangling']);
  const before = await createdAt(engine, filters['before']);
  const since = await createdAt(engine, filters['since']);
  const until = filters['until']?.map(untilMs).at(-1);
  return views.flatMap((view) => {
    const created = Date.parse(view.createdAt);
    if (dangling !== undefined && view.dangling !== dangling) return [];
    if (before !== undefined && created >= before) return [];
    if (since !== undefined && created <= since) return [];
    if (until !== undefined && !(created < until)) return [];
    if (!matchesLabels(filters['label'], view.labels)) return [];
    return withReferences(view, filters['reference']) ?? [];
  });
}
