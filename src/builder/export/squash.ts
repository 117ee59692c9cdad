import { unlink } from 'node:fs/promises';
import { mergeLayers, writeLayerFromUpper } from '../../archive/index.ts';
import { descriptorOf } from '../../image/index.ts';
import { MEDIA, chainIdOf, type ChainID, type Digest } from '../../oci/index.ts';
import type { BuiltLayer } from '../cache/cache-record.ts';
import type { Scratch } from '../scratch.ts';
import type { StageHistory, StageResult } from '../stage-result.ts';
import type { BuildLease, BuilderDependencies } from '../types.ts';
import type { SquashedLayers } from './squashed-layers.ts';

export type SquashMode = 'stage' | 'since-base';

export interface SquashContext {
  readonly dependencies: BuilderDependencies;
  readonly scratch: Scratch;
  readonly known: SquashedLayers;
  readonly lease: BuildLease;
  readonly signal: AbortSignal;
}

/**
 * A stage's result with its layers merged into one: all of them, or those this build added. The history stays, its entries without layers,
 * and gets one for the merged layer, as `docker build --squash` has it. The step cache knows nothing of it.
 */
export async function squash(result: StageResult, mode: SquashMode, context: SquashContext): Promise<StageResult> {
  const own = result.history.filter(({ entry, inherited }) => !inherited && entry.empty_layer !== true).length;
  const kept = result.layers.slice(0, mode === 'stage' ? 0 : result.layers.length - own);
  const merged = result.layers.slice(kept.length);
  if (merged.length < 2) return result;
  const layer = await mergedLayer(kept, merged, context);
  return { ...result, layers: layer ? [...kept, layer] : kept, history: historyOf(result, kept, layer) };
}

function historyOf(result: StageResult, kept: readonly BuiltLayer[], layer: BuiltLayer | undefined): StageHistory[] {
  const history = result.history.map((one) =>
    one.inherited && kept.length > 0 ? one : { ...one, entry: { ...one.entry, empty_layer: true } },
  );
  if (!layer) return history;
  const top = result.layers.at(-1)?.chainId;
  const base = kept.at(-1)?.chainId;
  const comment = base === undefined ? `create new from ${top}` : `merge ${top} to ${base}`;
  // The time of the last step: the same layers always give the same image.
  const created = history.findLast(({ entry }) => entry.created !== undefined)?.entry.created;
  return [...history, { entry: { ...(created === undefined ? {} : { created }), comment }, inherited: false }];
}

async function mergedLayer(
  kept: readonly BuiltLayer[],
  merged: readonly BuiltLayer[],
  context: SquashContext,
): Promise<BuiltLayer | undefined> {
  const { known, lease, dependencies } = context;
  const key = { base: kept.at(-1)?.chainId, top: merged.at(-1)!.chainId };
  const found = known.find(key);
  if (found) {
    await lease.addDigest(found.blob.digest);
    await lease.addSnapshot(found.chainId);
    const { snapshotter, content } = dependencies;
    if ((await snapshotter.stat(found.chainId)) && (await content.info(found.blob.digest))) return found;
  }
  const layer = await merge(key.base, merged, context);
  if (layer) known.remember(key, layer);
  return layer;
}

async function merge(
  base: ChainID | undefined,
  merged: readonly BuiltLayer[],
  { dependencies, scratch, lease, signal }: SquashContext,
): Promise<BuiltLayer | undefined> {
  const { snapshotter, content, unpacker, layerBlobs } = dependencies;
  const layerDirs: string[] = [];
  for (const { chainId } of merged) layerDirs.push(await snapshotter.upperDirOf(chainId));
  const lowerDirs = await snapshotter.lowerDirsOf(base);
  const folder = await scratch.folder('files');
  const path = await content.stagingPath();
  try {
    await mergeLayers(layerDirs, { targetDir: folder.path, lowerDirs, signal });
    const { diffId, size, usage } = await writeLayerFromUpper(folder.path, { path }, { signal });
    const digest = diffId as string as Digest;
    const chainId = chainIdOf(base, diffId);
    await lease.addDigest(digest);
    await lease.addSnapshot(chainId);
    const blob = descriptorOf(MEDIA.ociLayer, await content.adopt(path, { digest, size }));
    layerBlobs.remember(diffId, blob);
    await unpacker.unpack(base, diffId, blob, { signal });
    return { diffId, chainId, blob, sizeBytes: usage.sizeBytes };
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error;
  } finally {
    await folder.release();
  }
}
