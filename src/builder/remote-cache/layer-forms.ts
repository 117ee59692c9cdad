import { randomBytes } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { compressLayer, decompressStream } from '../../archive/index.ts';
import type { ContentStore } from '../../content/index.ts';
import { descriptorOf, type LayerBlobs } from '../../image/index.ts';
import { MEDIA, compressionOfLayerType, type Descriptor, type Digest, type DiffID } from '../../oci/index.ts';
import type { BuildLease } from '../types.ts';
import type { CacheCompression } from './cache-options.ts';

export interface FormDependencies {
  readonly content: ContentStore;
  readonly layerBlobs: LayerBlobs;
  readonly lease: BuildLease;
  readonly signal: AbortSignal;
}

const TYPES = { none: MEDIA.ociLayer, gzip: MEDIA.ociLayerGzip, zstd: MEDIA.ociLayerZstd } as const;

/** Whether a layer goes out as this blob. */
export function isWanted(blob: Descriptor, { kind, force }: CacheCompression): boolean {
  const own = compressionOfLayerType(blob.mediaType);
  return own === kind || (!force && own !== 'none' && kind !== 'none');
}

/** A layer in the compression it is to have: a form that is known already, or one made now and remembered. */
export async function formOf(
  diffId: DiffID,
  blob: Descriptor,
  compression: CacheCompression,
  d: FormDependencies,
): Promise<Descriptor> {
  for (const form of d.layerBlobs.remembered(diffId)) await d.lease.addDigest(form.digest);
  const forms = [blob, ...(await d.layerBlobs.of(diffId))];
  const known =
    forms.find(({ mediaType }) => compressionOfLayerType(mediaType) === compression.kind) ??
    forms.find((form) => isWanted(form, compression));
  if (known) return { mediaType: known.mediaType, digest: known.digest, size: known.size };
  const plain = await uncompressed(diffId, forms, d);
  return compression.kind === 'none' ? plain : compressed(diffId, plain, compression.kind, compression.level, d);
}

/** The layer as a build stores it. */
export async function uncompressed(
  diffId: DiffID,
  forms: readonly Descriptor[],
  d: FormDependencies,
): Promise<Descriptor> {
  const plain = forms.find(({ mediaType }) => compressionOfLayerType(mediaType) === 'none');
  if (plain) return plain;
  const [from] = forms;
  const kind = compressionOfLayerType(from!.mediaType) as 'gzip' | 'zstd';
  const digest = diffId as string as Digest;
  await d.lease.addDigest(digest);
  const present = await d.content.info(digest);
  if (present) return descriptorOf(MEDIA.ociLayer, present);
  const stream = decompressStream(await d.content.open(from!.digest), kind);
  const blob = descriptorOf(
    MEDIA.ociLayer,
    await d.content.ingest(
      `cache ${digest} ${randomBytes(6).toString('hex')}`,
      stream,
      { digest },
      { signal: d.signal },
    ),
  );
  d.layerBlobs.remember(diffId, blob);
  return blob;
}

async function compressed(
  diffId: DiffID,
  plain: Descriptor,
  kind: 'gzip' | 'zstd',
  level: number | undefined,
  { content, layerBlobs, lease, signal }: FormDependencies,
): Promise<Descriptor> {
  const path = await content.stagingPath();
  try {
    const options = { kind, signal, ...(level === undefined ? {} : { level }) };
    const made = await compressLayer(await content.pathOf(plain.digest), { path }, options);
    await lease.addDigest(made.digest);
    const blob = descriptorOf(TYPES[kind], await content.adopt(path, made));
    layerBlobs.remember(diffId, blob);
    return blob;
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error;
  }
}
