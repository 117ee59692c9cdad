import { LadingError } from '../../errors/index.ts';
import { MAX_LAYERS, chainIdOf, isDigest, isObject, type ChainID, type DiffID } from '../../oci/index.ts';
import type { CacheInputs, CacheRecord } from '../cache/cache-record.ts';

/** Media type of the config of a cache's manifest. */
export const CACHE_CONFIG = 'application/vnd.lading.buildcache.config.v1+json';
/** Member of an image config that holds the image's own cache. */
export const INLINE_FIELD = 'lading.buildcache.v1';
export const BUILDKIT_CONFIG = 'application/vnd.buildkit.cacheconfig.v0';
export const BUILDKIT_INLINE_FIELD = 'moby.buildkit.cache.v0';

const MAX_RECORDS = 10_000;
const MAX_SELECTIONS = 10_000;
const MAX_TEXT = 64 << 10;
const MAX_SIZE = 2 ** 46;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** One step of a build, as it travels. Its layer's place is computed from `parent` and `diffId`, so that no document can claim another. */
export interface TravellingRecord {
  readonly key: string;
  readonly kind: string;
  readonly text: string;
  readonly parent?: ChainID;
  /** Absent when the step changed nothing. */
  readonly diffId?: DiffID;
  /** Unpacked bytes, as the exporter measured them. */
  readonly sizeBytes?: number;
  readonly createdAt: string;
  /** What the layer's times came from. */
  readonly times?: CacheRecord['times'];
  /** What the key was made of; left out of inline caches and where the document would become too large. */
  readonly inputs?: CacheInputs['inputs'];
}

/** Digest of files that a COPY --from or a bind mount read in a layer stack: with it, a hit needs no layer. */
export interface TravellingSelection {
  readonly key: string;
  readonly chainId: ChainID;
  readonly digest: string;
}

/** What a cache knows. `diff_ids` pair with the manifest's layers, as an image config's do; a record whose layer is not among them can only be passed through. */
export interface CacheDocument {
  readonly schemaVersion: 1;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly DiffID[] };
  readonly records: readonly TravellingRecord[];
  readonly selections: readonly TravellingSelection[];
  /** When images without layers of their own were made first: identity → RFC 3339. */
  readonly images: Readonly<Record<string, string>>;
}

/** Where a record's layer belongs; undefined when it has none. */
export function placeOf({ parent, diffId }: TravellingRecord): ChainID | undefined {
  return diffId === undefined ? undefined : chainIdOf(parent, diffId);
}

/**
 * A document from anywhere, with what is malformed left out: a lost record is a miss.
 * @param diffIds of the image that carries an inline cache
 * @throws invalid_argument when it is no cache document, or too large
 */
export function parseCacheDocument(value: unknown, diffIds?: readonly DiffID[]): CacheDocument {
  if (!isObject(value) || value['schemaVersion'] !== 1) throw invalid('it is no lading cache document of version 1');
  const own = isObject(value['rootfs']) ? value['rootfs']['diff_ids'] : undefined;
  const layers = diffIds ?? listOf(own, 'rootfs.diff_ids', MAX_LAYERS);
  if (!layers.every(isDigestText)) throw invalid('rootfs.diff_ids holds something else than digests');
  const records = listOf(value['records'], 'records', MAX_RECORDS).flatMap(recordOf);
  const selections = listOf(value['selections'] ?? [], 'selections', MAX_SELECTIONS).flatMap(selectionOf);
  return {
    schemaVersion: 1,
    rootfs: { type: 'layers', diff_ids: layers as DiffID[] },
    records,
    selections,
    images: imagesOf(value['images']),
  };
}

function recordOf(value: unknown): TravellingRecord[] {
  if (!isObject(value)) return [];
  const { key, kind, text, parent, diffId, sizeBytes, createdAt, times, inputs } = value;
  if (!isKey(key) || typeof kind !== 'string' || !/^[a-z-]{1,32}$/.test(kind)) return [];
  if (typeof text !== 'string' || text.length > MAX_TEXT || !isTime(createdAt)) return [];
  if ((parent !== undefined && !isDigestText(parent)) || (diffId !== undefined && !isDigestText(diffId))) return [];
  return [
    {
      key,
      kind,
      text,
      ...(parent === undefined ? {} : { parent: parent as ChainID }),
      ...(diffId === undefined ? {} : { diffId: diffId as DiffID }),
      ...(isSize(sizeBytes) ? { sizeBytes } : {}),
      createdAt,
      ...(isTimes(times) ? { times } : {}),
      ...(isObject(inputs) ? { inputs } : {}),
    },
  ];
}

function selectionOf(value: unknown): TravellingSelection[] {
  if (!isObject(value)) return [];
  const { key, chainId, digest } = value;
  return isKey(key) && isDigestText(chainId) && isKey(digest) ? [{ key, chainId: chainId as ChainID, digest }] : [];
}

function imagesOf(value: unknown): Record<string, string> {
  if (!isObject(value)) return {};
  const entries = Object.entries(value).slice(0, MAX_RECORDS);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => isKey(entry[0]) && isTime(entry[1])));
}

function isTimes(value: unknown): value is NonNullable<CacheRecord['times']> {
  if (!isObject(value) || typeof value['clock'] !== 'boolean') return false;
  const { latest } = value;
  return latest === undefined || (typeof latest === 'number' && Number.isSafeInteger(latest));
}

function listOf(value: unknown, field: string, limit: number): unknown[] {
  if (!Array.isArray(value)) throw invalid(`${field} is not a list`);
  if (value.length > limit) throw invalid(`${field} has ${value.length} entries, more than ${limit}`);
  return value;
}

function isKey(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

function isDigestText(value: unknown): boolean {
  return typeof value === 'string' && isDigest(value) && value.startsWith('sha256:');
}

function isTime(value: unknown): value is string {
  return typeof value === 'string' && RFC3339.test(value) && !Number.isNaN(Date.parse(value));
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MAX_SIZE;
}

function invalid(why: string): LadingError {
  return new LadingError('invalid_argument', `invalid build cache: ${why}`);
}
