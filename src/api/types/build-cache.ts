import type { CacheRow } from '../../engine/index.ts';
import { atLeast } from '../version.ts';

/** A record of the build cache as Docker has it; clients before 1.42 read `Parent`. */
export interface BuildCacheRecord {
  readonly ID: string;
  readonly Parent?: string;
  readonly Parents?: readonly string[];
  readonly Type: string;
  readonly Description: string;
  readonly InUse: boolean;
  readonly Shared: boolean;
  readonly Size: number;
  readonly CreatedAt: string;
  readonly LastUsedAt: string | null;
  readonly UsageCount: number;
}

export function toBuildCacheRecord(row: CacheRow, version: string): BuildCacheRecord {
  return {
    ID: row.id,
    ...(atLeast(version, '1.42') ? { Parents: row.parents } : { Parent: row.parents[0] ?? '' }),
    Type: row.type,
    Description: row.description,
    InUse: row.inUse,
    Shared: row.shared,
    Size: row.sizeBytes,
    CreatedAt: row.createdAt,
    LastUsedAt: row.lastUsedAt,
    UsageCount: row.uses,
  };
}
