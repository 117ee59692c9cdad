import { Readable } from 'node:stream';
import type { ContentStore } from '../../content/index.ts';
import type { Image } from '../../image/index.ts';
import { parseJson, type DiffID, type ImageConfig } from '../../oci/index.ts';
import type { BuildCache } from '../cache/build-cache.ts';
import type { BuiltPlatform } from '../export/exporting.ts';
import { INLINE_FIELD } from '../remote-cache/cache-document.ts';
import { writeConfig } from '../export/image-config.ts';
import type { BuildLease } from '../types.ts';
import { compareConfigs } from './compare-configs.ts';
import { compareLayers, type FileDifference } from './compare-layers.ts';

/** What a rebuild gave. */
export interface RebuildVerdict {
  /** All that was compared is the same. */
  readonly identical: boolean;
  readonly imageId: string;
  /** Config digest of the rebuilt image. */
  readonly rebuiltId: string;
  /** The image was built with SOURCE_DATE_EPOCH: without it, times come from the clock. */
  readonly dated: boolean;
  /** Times were not compared. */
  readonly ignoredTimes: boolean;
  /** The first file that differs, with the layer it is in (from 1) and what brought that layer. */
  readonly file?: FileDifference & LayerPlace;
  /** The first member of the config that differs, when no file does. */
  readonly config?: { readonly field: string; readonly before: string; readonly after: string };
}

export interface LayerPlace {
  readonly layer: number;
  readonly layers: number;
  readonly instruction: string;
  /** In the Dockerfile; absent for a layer of the base image. */
  readonly line?: number;
}

export interface Comparison {
  readonly content: ContentStore;
  readonly ignoreTimes: boolean;
  readonly cache: BuildCache;
  readonly lease: BuildLease;
  readonly labels: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

interface BeforeAfter {
  readonly before: ImageConfig;
  readonly after: ImageConfig;
}

interface LayerPair {
  /** Number of the entry in the history. */
  readonly entry: number;
  readonly before: DiffID | undefined;
  readonly after: DiffID | undefined;
}

/** Layers by the instruction that made them: one of the two may have made none. */
function pairsOf(before: ImageConfig, after: ImageConfig): LayerPair[] {
  const [left, right] = [layersByEntry(before), layersByEntry(after)];
  return Array.from({ length: Math.max(left.length, right.length) }, (_, entry) => ({
    entry,
    before: left[entry],
    after: right[entry],
  }));
}

function layersByEntry({ history, rootfs }: ImageConfig): (DiffID | undefined)[] {
  let next = 0;
  const layers = (history ?? []).map(({ empty_layer: empty }) => (empty ? undefined : rootfs.diff_ids[next++]));
  return [...layers, ...rootfs.diff_ids.slice(next)];
}

function placeOf(
  { entry, before: own }: LayerPair,
  before: ImageConfig,
  after: ImageConfig,
  built: BuiltPlatform,
): LayerPlace {
  const origin = built.stage.history[entry]?.origin;
  const made = before.history?.[entry];
  const diffIds = own === undefined ? after.rootfs.diff_ids : before.rootfs.diff_ids;
  const upTo = layersByEntry(own === undefined ? after : before).slice(0, entry + 1);
  return {
    layer: upTo.filter((layer) => layer !== undefined).length,
    layers: diffIds.length,
    instruction: origin?.text ?? made?.created_by ?? made?.comment ?? '',
    ...(origin ? { line: origin.line } : {}),
  };
}

/** Of layers more is said elsewhere, and what a build says of its cache is not the image. */
function withoutLayers(config: ImageConfig): object {
  return { ...config, rootfs: undefined, [INLINE_FIELD]: undefined };
}

/** A tar without entries. */
function emptyLayer(): Readable {
  return Readable.from([Buffer.alloc(1024)]);
}

/** Compares an image with what was built, file by file and member by member. */
export async function compareImages(
  image: Image,
  built: BuiltPlatform,
  { content, ignoreTimes, cache, lease, labels, signal }: Comparison,
): Promise<RebuildVerdict> {
  const config = await writeConfig(built.stage, {
    content,
    cache,
    lease,
    labels,
    epoch: built.epoch,
    inlineCache: undefined,
  });
  const after = parseJson(await content.read(config.digest), 'image config') as ImageConfig;
  const before = parseJson(await content.read(image.id), 'image config') as ImageConfig;
  const verdict = {
    imageId: image.id,
    rebuiltId: config.digest,
    dated: built.epoch !== undefined,
    ignoredTimes: ignoreTimes,
  };
  const file = await firstFile(image, built, { content, before, after, ignoreTimes, signal });
  if (file) return { ...verdict, identical: false, file };
  const found = compareConfigs(withoutLayers(before), withoutLayers(after));
  const member = found.other ?? (ignoreTimes ? undefined : found.time);
  return { ...verdict, identical: member === undefined, ...(member ? { config: member } : {}) };
}

/** A difference in more than time wins over one in time alone, wherever it is. */
async function firstFile(
  image: Image,
  built: BuiltPlatform,
  { content, before, after, ignoreTimes, signal }: Pick<Comparison, 'content' | 'ignoreTimes' | 'signal'> & BeforeAfter,
): Promise<RebuildVerdict['file']> {
  let time: RebuildVerdict['file'];
  for (const pair of pairsOf(before, after)) {
    if (pair.before === pair.after) continue;
    const open = async (diffId: DiffID | undefined, layers: Image['layers'] | BuiltPlatform['stage']['layers']) => {
      const layer = layers.find((one) => one.diffId === diffId);
      return layer ? content.open(layer.blob.digest) : emptyLayer();
    };
    const [left, right] = [await open(pair.before, image.layers), await open(pair.after, built.stage.layers)];
    const found = await compareLayers(left, right, signal ? { signal } : {});
    if (!found || (ignoreTimes && found.aspect === 'time')) continue;
    const file = { ...found, ...placeOf(pair, before, after, built) };
    if (found.aspect !== 'time') return file;
    time ??= file;
  }
  return time;
}
