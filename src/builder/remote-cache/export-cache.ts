import { KeyedLock, Limiter } from '../../base/index.ts';
import { pushImage, type BlobSource, type RegistryClient } from '../../distribution/index.ts';
import { descriptorOf, putManifest } from '../../image/index.ts';
import {
  MAX_DOCUMENT_BYTES,
  MAX_LAYERS,
  MEDIA,
  digestOf,
  type Descriptor,
  type Digest,
  type DiffID,
} from '../../oci/index.ts';
import type { BuildCache } from '../cache/build-cache.ts';
import type { Credentials } from '../request.ts';
import {
  CACHE_CONFIG,
  placeOf,
  type CacheDocument,
  type TravellingRecord,
  type TravellingSelection,
} from './cache-document.ts';
import type { CacheTarget } from './cache-options.ts';
import type { ImportedCache } from './imported-cache.ts';
import { formOf, isWanted, type FormDependencies } from './layer-forms.ts';
import { LayoutFolder } from './layout-folder.ts';

/** What a build leaves to be exported. */
export interface CacheableBuild {
  /** Keys of all its steps. */
  readonly steps: ReadonlySet<string>;
  readonly selections: readonly TravellingSelection[];
  /** Layers of the images it made, bases included. */
  readonly imageLayers: ReadonlySet<DiffID>;
  /** Identities of images without layers of their own, with their times. */
  readonly images: Readonly<Record<string, string>>;
}

export interface CacheExportDependencies extends FormDependencies {
  readonly cache: BuildCache;
  readonly imported: ImportedCache;
  readonly registries: RegistryClient;
  readonly credentialsFor: (reference: string) => Credentials | undefined;
  readonly onProgress: (id: string, status: string, current?: number, total?: number) => void;
  readonly onWarning: (message: string) => void;
}

interface Layer {
  readonly diffId: DiffID;
  /** Where it is listed. */
  readonly blob: Descriptor;
  /** Brings its bytes into the store. */
  readonly fetch: () => Promise<void>;
}

const COMPRESSIONS = 2;
/** Room for the rest of the document. */
const MAX_INPUTS = MAX_DOCUMENT_BYTES - (1 << 20);
const folders = new KeyedLock();

/** Writes one cache. @throws what the registry or the disk says */
export async function exportCache(
  target: CacheTarget,
  build: CacheableBuild,
  d: CacheExportDependencies,
): Promise<void> {
  const records = recordsOf(build, d, true);
  const layers = layersToExport(target, records, build, d);
  const forms = await inParallel(layers, (layer) => listed(layer, target, d));
  const document = documentOf(
    records,
    layers.map(({ diffId }) => diffId),
    build,
  );
  const bytes = Buffer.from(JSON.stringify(document));
  await d.lease.addDigest(digestOf(bytes));
  const config = descriptorOf(CACHE_CONFIG, await d.content.put(bytes));
  const listedLayers = forms.length > 0 ? forms : [await emptyLayer(d)];
  const keep = async (digest: Digest): Promise<void> => void (await d.lease.addDigest(digest));
  const manifest = await putManifest(d.content, config, listedLayers, keep);
  const blobs = [config, ...listedLayers].map((descriptor): BlobSource => {
    const fetch = layers[forms.indexOf(descriptor)]?.fetch;
    return {
      descriptor,
      open: async (start = 0) => {
        await fetch?.();
        return d.content.open(descriptor.digest, { start });
      },
    };
  });
  await (target.kind === 'registry' ? push(target, manifest, blobs, d) : write(target, manifest, blobs, d));
}

/** The document an image's config carries: the same for equal builds, since it is part of the image's identity. */
export function inlineDocument(build: CacheableBuild, d: Pick<CacheExportDependencies, 'cache' | 'imported'>): object {
  const { schemaVersion, records, selections } = documentOf(recordsOf(build, d, false), [], build);
  // Sizes are the disk's, not the image's.
  return { schemaVersion, records: records.map(({ sizeBytes: _size, ...record }) => record), selections };
}

function documentOf(
  records: readonly TravellingRecord[],
  diffIds: readonly DiffID[],
  build: CacheableBuild,
): CacheDocument {
  return {
    schemaVersion: 1,
    rootfs: { type: 'layers', diff_ids: diffIds },
    records,
    selections: build.selections.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    images: build.images,
  };
}

/** Records of the steps, by key. Inputs as far as there is room. */
function recordsOf(
  { steps }: CacheableBuild,
  { cache, imported }: Pick<CacheExportDependencies, 'cache' | 'imported'>,
  withInputs: boolean,
): TravellingRecord[] {
  let room = withInputs ? MAX_INPUTS : 0;
  return [...steps].sort().flatMap((key) => {
    // A record of this machine may be of a layer that is gone: then the one that was found elsewhere holds.
    const found = imported.used(key)?.record;
    const record = found ?? recordOf(key, cache);
    if (!record) return [];
    const { inputs, ...plain } = record;
    const explained = found ? { ...plain, ...(inputs && { inputs }) } : { ...plain, ...cache.inputsOf(key) };
    if (room <= 0) return [plain];
    room -= Buffer.byteLength(JSON.stringify(explained));
    return [room > 0 ? explained : plain];
  });
}

function recordOf(key: string, cache: BuildCache): TravellingRecord | undefined {
  const record = cache.find(key);
  if (!record) return undefined;
  const { kind, text, parent, layer, createdAt, times } = record;
  return {
    key,
    kind,
    text,
    ...(parent === undefined ? {} : { parent }),
    ...(layer ? { diffId: layer.diffId, sizeBytes: layer.sizeBytes } : {}),
    createdAt,
    ...(times ? { times } : {}),
  };
}

function layersToExport(
  { mode }: CacheTarget,
  records: readonly TravellingRecord[],
  { imageLayers }: CacheableBuild,
  { cache, imported, onWarning }: CacheExportDependencies,
): Layer[] {
  const layers = new Map<DiffID, Layer>();
  for (const record of records) {
    const { key, diffId } = record;
    const place = placeOf(record);
    if (diffId === undefined || place === undefined || layers.has(diffId)) continue;
    if (mode === 'min' && !imageLayers.has(diffId)) continue;
    const blob = (imported.used(key) ?? cache.find(key)?.layer)?.blob;
    if (blob) layers.set(diffId, { diffId, blob, fetch: () => imported.blob(place) });
  }
  const all = [...layers.values()];
  if (all.length > MAX_LAYERS) onWarning(`cache export: ${all.length} layers, only ${MAX_LAYERS} are exported`);
  return all.slice(0, MAX_LAYERS);
}

/** A layer as the manifest lists it. What goes out as it came is not fetched for that. */
async function listed(layer: Layer, { compression }: CacheTarget, d: CacheExportDependencies): Promise<Descriptor> {
  const { mediaType, digest, size } = layer.blob;
  await d.lease.addDigest(digest);
  if (isWanted(layer.blob, compression)) return { mediaType, digest, size };
  await layer.fetch();
  d.onProgress(layer.diffId.slice(7, 19), 'Compressing');
  return formOf(layer.diffId, layer.blob, compression, d);
}

async function emptyLayer({ content, lease }: CacheExportDependencies): Promise<Descriptor> {
  const bytes = Buffer.from('{}');
  await lease.addDigest(digestOf(bytes));
  return descriptorOf(MEDIA.ociEmpty, await content.put(bytes));
}

async function push(
  { reference, name }: Extract<CacheTarget, { kind: 'registry' }>,
  manifest: Descriptor,
  blobs: readonly BlobSource[],
  d: CacheExportDependencies,
): Promise<void> {
  await pushImage(d.registries, reference, {
    manifestBytes: await d.content.read(manifest.digest),
    mediaType: manifest.mediaType,
    blobs,
    auth: d.credentialsFor(name),
    signal: d.signal,
    onProgress: ({ id, status, current, total }) => d.onProgress(id, status, current, total),
  });
}

async function write(
  { path, tag, reset }: Extract<CacheTarget, { kind: 'local' }>,
  manifest: Descriptor,
  blobs: readonly BlobSource[],
  { content, signal }: CacheExportDependencies,
): Promise<void> {
  const layout = new LayoutFolder(path);
  await folders.run(path, async () => {
    for (const { descriptor, open } of blobs) await layout.write(descriptor, () => open(0), signal);
    await layout.write(manifest, () => content.open(manifest.digest), signal);
    await layout.tag(manifest, tag, { alone: reset });
    if (reset)
      await layout.keepOnly(
        new Set([manifest, ...blobs.map(({ descriptor }) => descriptor)].map(({ digest }) => digest)),
      );
  });
}

function inParallel<In, Out>(items: readonly In[], work: (item: In) => Promise<Out>): Promise<Out[]> {
  const limiter = new Limiter(COMPRESSIONS);
  return Promise.all(items.map((item) => limiter.run(() => work(item))));
}
