import type { CacheMountView } from '../run/cache-mounts.ts';
import type { CacheAccount } from './cache-account.ts';
import type { CacheRecord } from './cache-record.ts';

/** One thing in the build cache, as `system df`, `builder du` and a prune's bill show it. */
export interface CacheRow {
  /** A step's key, or the name of a cache mount's folder. */
  readonly id: string;
  /** Keys of the steps whose layers are directly below. */
  readonly parents: readonly string[];
  /** Docker's words: "regular" for steps, "exec.cachemount". */
  readonly type: 'regular' | 'exec.cachemount';
  readonly description: string;
  /** A running build has it. */
  readonly inUse: boolean;
  /** An image or container has it: removing the record frees nothing. */
  readonly shared: boolean;
  /** On the disk; of a bill: bytes freed. */
  readonly sizeBytes: number;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly uses: number;
}

const MAX_DESCRIPTION = 500;

export function rowsOf(
  records: readonly CacheRecord[],
  account: CacheAccount,
  mounts: readonly CacheMountView[],
): CacheRow[] {
  const byPlace = new Map<string, string[]>();
  for (const { key, layer } of records)
    if (layer) byPlace.set(layer.chainId, [...(byPlace.get(layer.chainId) ?? []), key]);
  const steps = records.map((record): CacheRow => {
    const { key: id, text, parent, createdAt, lastUsedAt, uses } = record;
    return {
      id,
      parents: (parent && byPlace.get(parent)) ?? [],
      type: 'regular',
      description: text.replace(/\s+/g, ' ').slice(0, MAX_DESCRIPTION),
      inUse: account.isInUse(id),
      shared: account.isShared(id),
      sizeBytes: account.sizeOf(id),
      createdAt,
      lastUsedAt,
      uses,
    };
  });
  return [...steps, ...mounts.map(rowOfMount)];
}

function rowOfMount({
  folder,
  name,
  namespace,
  sizeBytes,
  createdAt,
  lastUsedAt,
  uses,
  inUse,
}: CacheMountView): CacheRow {
  const where = namespace === '' ? '' : ` in ${namespace}`;
  const description = `cached mount ${name === '' ? folder : name}${where}`;
  return {
    id: folder,
    parents: [],
    type: 'exec.cachemount',
    description,
    inUse,
    shared: false,
    sizeBytes,
    createdAt,
    lastUsedAt,
    uses,
  };
}
