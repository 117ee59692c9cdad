import type { CacheMounts } from '../run/cache-mounts.ts';
import type { BuildCache } from './build-cache.ts';
import type { CacheAccount } from './cache-account.ts';
import { rowsOf, type CacheRow } from './cache-rows.ts';
import { pruneTest, type PruneFilters } from './prune-filters.ts';

export interface CacheLimits {
  /** The cache is not made smaller than this. */
  readonly reservedBytes?: number;
  readonly maxUsedBytes?: number;
  /** Of the disk. */
  readonly minFreeBytes?: number;
}

export interface PruneOptions extends CacheLimits {
  /** Also what images still use. */
  readonly all: boolean;
  /** Docker's; see prune-filters.ts. */
  readonly filters: PruneFilters;
  /** Only tell. */
  readonly dryRun?: boolean;
}

/** What a prune removed, or would remove. */
export interface PruneBill {
  /** `sizeBytes` is what the removal of each frees, in this order. */
  readonly items: readonly CacheRow[];
  /** Bytes of layers, which the garbage collector frees. */
  readonly layerBytes: number;
  /** Bytes of cache mounts. */
  readonly mountBytes: number;
}

export interface PruneParts {
  readonly cache: BuildCache;
  readonly mounts: CacheMounts;
  readonly account: CacheAccount;
  /** Of the file system. */
  readonly freeBytes: number;
}

/**
 * Forgets what is unused the longest: everything the filters allow, or with limits only as much as they ask for. What a running build holds stays,
 * and so does a layer that another one stands on. The layers themselves are the garbage collector's.
 * @throws invalid_argument for a filter that is not known
 */
export async function pruneCache(parts: PruneParts, options: PruneOptions): Promise<PruneBill> {
  const matches = pruneTest(options.filters);
  const mounts = await parts.mounts.list();
  const rows = rowsOf(parts.cache.records(), parts.account, mounts);
  const mountTotal = mounts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const toFree = bytesToFree(options, parts.account.totalBytes + mountTotal, parts.freeBytes);
  const maySharedGo = options.all && toFree === undefined;
  const candidates = rows.filter((row) => !row.inUse && (maySharedGo || !row.shared) && matches(row));
  const items = choose(candidates, parts.account, {
    toFree,
    isExact: 'id' in options.filters,
  });
  const layerBytes = sizeOf(items, 'regular');
  if (options.dryRun) return { items, layerBytes, mountBytes: sizeOf(items, 'exec.cachemount') };
  parts.cache.remove(items.flatMap(({ id, type }) => (type === 'regular' ? [id] : [])));
  const kept = new Set<string>();
  for (const { id, type } of items) if (type === 'exec.cachemount' && !(await parts.mounts.remove(id))) kept.add(id);
  const removed = items.filter(({ id }) => !kept.has(id));
  return { items: removed, layerBytes, mountBytes: sizeOf(removed, 'exec.cachemount') };
}

export function hasLimits({ reservedBytes = 0, maxUsedBytes = 0, minFreeBytes = 0 }: CacheLimits): boolean {
  return reservedBytes > 0 || maxUsedBytes > 0 || minFreeBytes > 0;
}

/** undefined: no limit was given, everything goes. */
export function bytesToFree(
  { reservedBytes = 0, maxUsedBytes = 0, minFreeBytes = 0 }: CacheLimits,
  usedBytes: number,
  freeBytes: number,
): number | undefined {
  if (!hasLimits({ reservedBytes, maxUsedBytes, minFreeBytes })) return undefined;
  // As BuildKit has it: a reserved space alone is also the size to shrink to.
  const bounds = [
    ...(maxUsedBytes > 0 ? [maxUsedBytes] : []),
    ...(minFreeBytes > 0 ? [usedBytes - (minFreeBytes - freeBytes)] : []),
  ];
  const keep = Math.max(reservedBytes, bounds.length > 0 ? Math.min(...bounds) : 0);
  return Math.max(0, usedBytes - keep);
}

/** In the order of removal: least recently used first, of equals what stands on others first. */
function choose(
  candidates: readonly CacheRow[],
  account: CacheAccount,
  { toFree, isExact }: { readonly toFree: number | undefined; readonly isExact: boolean },
): CacheRow[] {
  const waiting = new Set(
    candidates.toSorted(
      (a, b) => Date.parse(a.lastUsedAt) - Date.parse(b.lastUsedAt) || account.depthOf(b.id) - account.depthOf(a.id),
    ),
  );
  const chosen: CacheRow[] = [];
  let freed = 0;
  // A layer that others stand on is asked about again when they are gone.
  for (let before = -1; before !== chosen.length;) {
    before = chosen.length;
    for (const row of waiting) {
      if (toFree !== undefined && freed >= toFree) return chosen;
      if (!isExact && account.hasAbove(row.id)) continue;
      if (toFree !== undefined && row.sizeBytes === 0) continue;
      waiting.delete(row);
      const sizeBytes = row.type === 'regular' ? account.remove(row.id) : row.sizeBytes;
      freed += sizeBytes;
      chosen.push({ ...row, sizeBytes });
    }
  }
  return chosen;
}

function sizeOf(rows: readonly CacheRow[], type: CacheRow['type']): number {
  return rows.reduce((sum, row) => (row.type === type ? sum + row.sizeBytes : sum), 0);
}
