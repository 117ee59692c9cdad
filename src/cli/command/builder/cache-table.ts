import type { BuildCacheRecord } from '../../../client/index.ts';
import type { Fields } from '../../format/rows.ts';
import { ago, ellipsis, humanSize } from '../../format/units.ts';

const SHORT_ID = 12;
const DESCRIPTION = 45;

/** Columns of the build cache, for `builder du` and a prune's bill. */
export const CACHE_FIELDS: Fields<BuildCacheRecord> = {
  ID: { header: 'ID', value: ({ ID }) => ID.slice(0, SHORT_ID) },
  Parents: { header: 'PARENTS', value: ({ Parents = [] }) => Parents.map((id) => id.slice(0, SHORT_ID)).join(',') },
  Type: { header: 'TYPE', value: ({ Type }) => Type },
  Description: { header: 'DESCRIPTION', value: ({ Description }) => ellipsis(Description, DESCRIPTION) },
  Size: { header: 'SIZE', value: ({ Size }) => humanSize(Size) },
  CreatedAt: { header: 'CREATED AT', value: ({ CreatedAt }) => CreatedAt },
  CreatedSince: { header: 'CREATED', value: ({ CreatedAt }) => since(CreatedAt) },
  LastUsedAt: { header: 'LAST USED AT', value: ({ LastUsedAt }) => LastUsedAt ?? '' },
  LastUsedSince: { header: 'LAST USED', value: ({ LastUsedAt }) => since(LastUsedAt) },
  UsageCount: { header: 'USES', value: ({ UsageCount }) => String(UsageCount) },
  InUse: { header: 'IN USE', value: ({ InUse }) => String(InUse) },
  Shared: { header: 'SHARED', value: ({ Shared }) => String(Shared) },
  Reclaimable: { header: 'RECLAIMABLE', value: (record) => String(isReclaimable(record)) },
};

/** Nothing that runs has it. */
export function isReclaimable({ InUse }: BuildCacheRecord): boolean {
  return !InUse;
}

function since(time: string | null): string {
  return time === null ? '' : ago(Date.parse(time) / 1000);
}
