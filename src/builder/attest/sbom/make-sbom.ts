import type { Collection, MetadataStore } from '../../../metadata/index.ts';
import type { Snapshotter } from '../../../snapshot/index.ts';
import type { BuiltPlatform } from '../../export/exporting.ts';
import { mergeLayers } from './merge-layers.ts';
import { scanLayer, type LayerFindings } from './scan-layer.ts';
import { spdxDocument, type LayerOrigin } from './spdx.ts';

interface Remembered {
  readonly scannedAt: string;
  readonly findings: LayerFindings;
}

const MAX_REMEMBERED = 400;
/** Findings change their form: then what is remembered does not count. */
const COLLECTION = 'layer-packages-1';

/** The packages of a built image as SPDX. A layer is looked through once, whichever images have it. */
export async function makeSbom(
  built: BuiltPlatform,
  name: string,
  { snapshotter, metadata, signal }: { snapshotter: Snapshotter; metadata: MetadataStore; signal: AbortSignal },
): Promise<object> {
  const known = metadata.collection<Remembered>(COLLECTION);
  const findings: LayerFindings[] = [];
  for (const { diffId, chainId } of built.stage.layers) {
    const remembered = known.get(diffId);
    const found = remembered?.findings ?? (await scanLayer(await snapshotter.upperDirOf(chainId), { signal }));
    if (!remembered) remember(metadata, known, diffId, found);
    findings.push(found);
  }
  const { packages, os } = mergeLayers(findings);
  const created = built.epoch ?? new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return spdxDocument({ name, created, packages, os, layers: originsOf(built) });
}

function remember(
  metadata: MetadataStore,
  known: Collection<Remembered>,
  diffId: string,
  findings: LayerFindings,
): void {
  const all = known.list();
  const old = all.toSorted((a, b) => (a.value.scannedAt < b.value.scannedAt ? -1 : 1)).slice(0, all.length / 4);
  metadata.transaction(
    () => {
      if (all.length >= MAX_REMEMBERED) for (const { key } of old) known.delete(key);
      known.put(diffId, { scannedAt: new Date().toISOString(), findings });
    },
    { durable: false },
  );
}

/** By layer. An image's history may be shorter than its layers: then what is not told is left out. */
function originsOf({ stage }: BuiltPlatform): LayerOrigin[] {
  const makers = stage.history.filter(({ entry }) => entry.empty_layer !== true);
  return stage.layers.map(({ diffId }, i) => {
    const maker = makers.length === stage.layers.length ? makers[i] : undefined;
    const instruction = maker?.origin?.text ?? maker?.entry.created_by;
    return {
      diffId,
      ...(instruction === undefined ? {} : { instruction }),
      ...(maker?.origin ? { line: maker.origin.line } : {}),
    };
  });
}
