import { SingleFlight } from '../../base/index.ts';
import type { ContentStore } from '../../content/index.ts';
import { LadingError, isLadingError, messageOf } from '../../errors/index.ts';
import type { LayerBlobs, Unpacker } from '../../image/index.ts';
import { MEDIA, type ChainID, type Descriptor } from '../../oci/index.ts';
import type { Snapshotter } from '../../snapshot/index.ts';
import type { BuildCache } from '../cache/build-cache.ts';
import type { BuiltLayer, CacheRecord } from '../cache/cache-record.ts';
import type { BuildLease } from '../types.ts';
import { placeOf, type TravellingRecord, type TravellingSelection } from './cache-document.ts';
import { uncompressed } from './layer-forms.ts';
import type { OpenedCache } from './opened-cache.ts';

export interface ImportDependencies {
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
  readonly layerBlobs: LayerBlobs;
  readonly unpacker: Unpacker;
  readonly cache: BuildCache;
  readonly lease: BuildLease;
  readonly signal: AbortSignal;
}

/** A step some cache knows. */
interface Known {
  readonly record: TravellingRecord;
  readonly from: OpenedCache;
  /** Absent: only that the step was done is known, not what it made. */
  readonly blob?: Descriptor;
}

/** Damaged layers of one cache after which it is not asked any more. */
const MAX_DAMAGED = 3;

/**
 * What the caches of `--cache-from` know, in their order. A hit brings no layer: that is done when something reads it, verified by size,
 * digest and diffID. A layer that cannot be had then makes the build begin again without it: see {@link recover}.
 */
export class ImportedCache {
  readonly #d: ImportDependencies;
  readonly #known = new Map<string, Known>();
  /** Hits by key. */
  readonly #used = new Map<string, Known>();
  /** Layers of hits, by their place. */
  readonly #hits = new Map<ChainID, Known>();
  readonly #flight = new SingleFlight<void>();
  readonly #damaged = new Map<OpenedCache, number>();
  readonly #selections = new Map<string, TravellingSelection>();
  readonly #images = new Map<string, string>();
  #lost: string | undefined;

  constructor(caches: readonly OpenedCache[], dependencies: ImportDependencies) {
    this.#d = dependencies;
    for (const from of caches) this.#add(from);
  }

  /** The record of a step that was found here, and its layer as the cache lists it. */
  used(key: string): { readonly record: TravellingRecord; readonly blob?: Descriptor } | undefined {
    return this.#used.get(key);
  }

  /** Keys of the steps with this text whose inputs are known: for telling why one was not found. */
  sameText(kind: string, text: string): string[] {
    const same = [...this.#known.values()].filter(({ record }) => record.kind === kind && record.text === text);
    return same.flatMap(({ record }) => (record.inputs ? [record.key] : []));
  }

  /** What a cache says of a step, found or not. */
  described(key: string): TravellingRecord | undefined {
    return this.#known.get(key)?.record;
  }

  /** A hit: its layer, if any, is there as soon as {@link files} has been awaited. */
  find(key: string): CacheRecord | undefined {
    const known = this.#known.get(key);
    if (!known) return undefined;
    this.#used.set(key, known);
    const place = placeOf(known.record);
    if (place === undefined) this.#keep(known, 0);
    else if (!this.#hits.has(place)) this.#hits.set(place, known);
    return toRecord(known, place);
  }

  /** Makes the snapshot `place`, and all below it, if it is a hit's and not there yet. */
  async files(place: ChainID | undefined): Promise<void> {
    const known = place === undefined ? undefined : this.#hits.get(place);
    if (place === undefined || !known) return;
    await this.#flight.run(place, () => this.#bring(place, known));
  }

  /** Makes the blob of a hit's layer; what is not a hit's is left alone. */
  async blob(place: ChainID): Promise<void> {
    const known = this.#hits.get(place);
    if (known) await this.#orLose(known, async () => this.#fetch(known));
  }

  /** Digest of files selected from a layer stack, for a hit whose files are not here; from files that are here it is computed. */
  async selection(key: string): Promise<TravellingSelection | undefined> {
    const found = this.#selections.get(key);
    if (!found || !this.#hits.has(found.chainId)) return undefined;
    return (await this.#d.snapshotter.stat(found.chainId)) ? undefined : found;
  }

  /** When the image of this identity was made first. */
  imageTime(identity: string): string | undefined {
    return this.#images.get(identity);
  }

  /**
   * Layers of a result with everything there: snapshots, blobs, sizes as measured. `plain`: uncompressed, as layers are that are made here,
   * for an image whose identity depends on it.
   */
  async settle(layers: readonly BuiltLayer[], { plain }: { readonly plain: boolean }): Promise<BuiltLayer[]> {
    await this.files(layers.findLast(({ chainId }) => this.#hits.has(chainId))?.chainId);
    const settled: BuiltLayer[] = [];
    for (const layer of layers) {
      const known = this.#hits.get(layer.chainId);
      if (!known) {
        settled.push(layer);
        continue;
      }
      await this.files(layer.chainId);
      const blob = await this.#orLose(known, () => this.#fetch(known));
      const stored = plain ? await this.#orLose(known, () => uncompressed(layer.diffId, [blob], this.#d)) : blob;
      settled.push({ ...layer, blob: stored, sizeBytes: await this.#d.unpacker.sizeOf(layer.chainId) });
    }
    return settled;
  }

  /**
   * After a failed build: why it has to begin again, when what failed was a layer of a cache. That cache, or that layer, is forgotten, so
   * this answers a bounded number of times.
   */
  recover(): string | undefined {
    const lost = this.#lost;
    this.#lost = undefined;
    this.#hits.clear();
    this.#used.clear();
    return lost;
  }

  #add(from: OpenedCache): void {
    const { records, selections, images } = from.document;
    for (const record of records) {
      const blob = record.diffId === undefined ? undefined : from.layers.get(record.diffId);
      const known = this.#known.get(record.key);
      // A cache that has the layer is worth more than an earlier one that only knows of it.
      if (!known || (known.blob === undefined && blob !== undefined && placeOf(known.record) === placeOf(record)))
        this.#known.set(record.key, { record, from, ...(blob ? { blob } : {}) });
    }
    for (const selection of selections) this.#selections.set(selection.key, selection);
    for (const [key, createdAt] of Object.entries(images)) this.#images.set(key, createdAt);
  }

  async #bring(place: ChainID, known: Known): Promise<void> {
    const { snapshotter } = this.#d;
    const { record, blob } = known;
    const isHere = (await snapshotter.stat(place)) !== undefined;
    if (isHere && !blob) return;
    if (!isHere) await this.files(record.parent);
    await this.#orLose(known, async () => {
      const { unpacker, layerBlobs, signal } = this.#d;
      const blob = await this.#fetch(known);
      await unpacker.unpack(record.parent, record.diffId!, blob, { signal });
      layerBlobs.remember(record.diffId!, blob);
      this.#keep(known, await unpacker.sizeOf(place));
    });
  }

  async #fetch({ blob, from }: Known): Promise<Descriptor> {
    if (!blob)
      throw new LadingError('not_found', 'the cache says that this step was done, but does not hold its layer');
    await this.#d.lease.addDigest(blob.digest);
    await from.fetch(blob, { signal: this.#d.signal });
    return blob;
  }

  /** From now on the record is this machine's. */
  #keep(known: Known, sizeBytes: number): void {
    const { inputs = {} } = known.record;
    const { layer, ...record } = toRecord(known, placeOf(known.record));
    const lastUsedAt = new Date().toISOString();
    const kept: CacheRecord = { ...record, lastUsedAt, ...(layer ? { layer: { ...layer, sizeBytes } } : {}) };
    this.#d.cache.put(kept, { inputs });
  }

  async #orLose<T>(known: Known, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!this.#d.signal.aborted && !isLadingError(error, 'cancelled')) this.#lose(known, error);
      throw error;
    }
  }

  /** A layer that is not what it should be costs itself, a cache that does not answer is given up, and what is only known of is forgotten. */
  #lose({ record, from, blob }: Known, error: unknown): void {
    const damaged = (this.#damaged.get(from) ?? 0) + 1;
    this.#damaged.set(from, damaged);
    const isSilent = isLadingError(error, 'unavailable', 'deadline_exceeded', 'unauthenticated');
    const all = isSilent || damaged >= MAX_DAMAGED;
    for (const [key, other] of this.#known)
      if (key === record.key || (blob ? all && other.from === from : other.blob === undefined)) this.#known.delete(key);
    this.#lost ??= `cache ${from.name}: "${record.text.slice(0, 100)}": ${messageOf(error)}`;
  }
}

function toRecord({ record, blob }: Known, place: ChainID | undefined): CacheRecord {
  const { key, kind, text, parent, diffId, sizeBytes = 0, createdAt, times } = record;
  // The blob of a layer that the cache does not hold is named by what it would hold uncompressed.
  const descriptor = blob ?? { mediaType: MEDIA.ociLayer, digest: diffId as never, size: 0 };
  return {
    key,
    kind,
    text,
    ...(parent === undefined ? {} : { parent }),
    ...(place === undefined || diffId === undefined
      ? {}
      : { layer: { diffId, chainId: place, blob: descriptor, sizeBytes } }),
    createdAt,
    ...(times ? { times } : {}),
    lastUsedAt: createdAt,
    uses: 0,
  };
}
