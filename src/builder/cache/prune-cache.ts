import { parseDuration } from '../../dockerfile/index.ts';
import { LadingError } from '../../errors/index.ts';
import type { ImageStore } from '../../image/index.ts';
import type { CacheMounts } from '../run/cache-mounts.ts';
import type { BuildCache } from './build-cache.ts';
import type { CacheRecord } from './cache-record.ts';

export interface PruneOptions {
  /** Also what images still use. */
  readonly all: boolean;
  /** Docker's: `until` and `unused-for` (a duration or a time), `id` (prefixes). */
  readonly filters: Readonly<Record<string, readonly string[]>>;
}

const FILTERS = ['until', 'unused-for', 'id'];

/** @throws invalid_argument for a filter that is not known */
export async function pruneCache(
  cache: BuildCache,
  mounts: CacheMounts,
  images: ImageStore,
  { all, filters }: PruneOptions,
): Promise<{ deleted: string[]; spaceReclaimed: number }> {
  const unknown = Object.keys(filters).find((name) => !FILTERS.includes(name));
  if (unknown !== undefined)
    throw new LadingError('invalid_argument', `invalid filter '${unknown}'`, {
      hint: `filters: ${FILTERS.join(', ')}`,
    });
  const usedByImages = await chainIdsOfImages(images);
  const before = oldestAllowed([...(filters['until'] ?? []), ...(filters['unused-for'] ?? [])]);
  const ids = filters['id'] ?? [];
  const removed = cache.records().filter((record) => {
    const isUsed = record.layer !== undefined && usedByImages.has(record.layer.chainId);
    const isOld = before === undefined || Date.parse(record.lastUsedAt) < before;
    return (all || !isUsed) && isOld && (ids.length === 0 || ids.some((id) => record.key.startsWith(id)));
  });
  cache.remove(removed.map(({ key }) => key));
  const folders = Object.keys(filters).length === 0 ? await mounts.prune() : [];
  const kept = new Set(cache.records().map(({ layer }) => layer?.chainId));
  const freed = removed.filter(({ layer }) => layer && !usedByImages.has(layer.chainId) && !kept.has(layer.chainId));
  return { deleted: [...removed.map(({ key }) => key), ...folders], spaceReclaimed: sizeOf(freed) };
}

function sizeOf(records: readonly CacheRecord[]): number {
  const sizes = new Map(records.map(({ layer }) => [layer?.chainId, layer?.sizeBytes ?? 0]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

async function chainIdsOfImages(images: ImageStore): Promise<Set<string>> {
  const used = new Set<string>();
  for (const record of images.records())
    for (const layer of (await images.open(record)).layers) used.add(layer.chainId);
  return used;
}

function oldestAllowed(texts: readonly string[]): number | undefined {
  const times = texts.map((text) => {
    if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
    const time = /^\d{4}-/.test(text) ? Date.parse(text) : Date.now() - parseDuration(text) / 1e6;
    if (Number.isNaN(time)) throw new LadingError('invalid_argument', `invalid until filter: "${text}"`);
    return time;
  });
  return times.length === 0 ? undefined : Math.min(...times);
}
