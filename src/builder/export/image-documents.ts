import { putIndex, putManifest, type ImageLayer, type LayerCompressor } from '../../image/index.ts';
import type { ContentStore } from '../../content/index.ts';
import type { Descriptor, Platform } from '../../oci/index.ts';
import type { StageResult } from '../stage-result.ts';
import type { BuildLease } from '../types.ts';
import type { AttestationManifest } from '../attest/index-form.ts';
import { annotationsAt } from './annotations.ts';
import type { ImageForm } from './output-options.ts';

/** One platform's image before it has a form: its config is stored. */
export interface ConfiguredPlatform {
  readonly platform: Platform;
  readonly stage: StageResult;
  readonly config: Descriptor;
}

export interface PlatformManifest extends ConfiguredPlatform {
  readonly manifest: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** The stored documents of an image in one form. */
export interface ImageDocuments {
  readonly manifests: readonly PlatformManifest[];
  readonly index: Descriptor | undefined;
  /** Of each platform, when the index is to hold them. */
  readonly attestations: readonly AttestationManifest[];
  /** What a name points to: the index, else the only manifest. */
  readonly target: Descriptor;
  /** As `target`, with what an OCI layout's index.json says of it. */
  readonly described: Descriptor;
}

export interface DocumentContext {
  readonly content: ContentStore;
  readonly compressor: LayerCompressor;
  readonly lease: BuildLease;
  readonly onCompress?: (layer: ImageLayer) => void;
  readonly signal: AbortSignal;
  /** Makes the attestations of the platform with this number, for the index. */
  readonly attest?: (platform: number, subject: Descriptor) => Promise<AttestationManifest>;
}

/** Writes manifests, and an index when there is to be one, for layers in the form asked for. */
export async function writeDocuments(
  platforms: readonly ConfiguredPlatform[],
  form: ImageForm,
  withIndex: boolean,
  context: DocumentContext,
): Promise<ImageDocuments> {
  const { content } = context;
  const keep = keepBy(context.lease);
  const { annotations, dockerTypes } = form;
  const manifests: PlatformManifest[] = [];
  for (const one of platforms) {
    const layers = await layersIn(one, form, context);
    const own = { annotations: annotationsAt(annotations, 'manifest', one.platform), dockerTypes };
    const manifest = await putManifest(content, one.config, layers, keep, own);
    manifests.push({ ...one, manifest, layers });
  }
  const entries = manifests.map(({ manifest, platform }) => ({
    ...manifest,
    ...given('annotations', annotationsAt(annotations, 'manifest-descriptor', platform)),
    platform: platformField(platform),
  }));
  const [only] = manifests;
  if (!withIndex)
    return { manifests, index: undefined, attestations: [], target: only!.manifest, described: entries[0]! };
  const attestations: AttestationManifest[] = [];
  if (context.attest)
    for (const [i, { manifest }] of manifests.entries()) attestations.push(await context.attest(i, manifest));
  const own = { annotations: annotationsAt(annotations, 'index'), dockerTypes };
  const index = await putIndex(content, [...entries, ...attestations.map(({ entry }) => entry)], keep, own);
  const described = { ...index, ...given('annotations', annotationsAt(annotations, 'index-descriptor')) };
  return { manifests, index, attestations, target: index, described };
}

async function layersIn(
  { stage }: ConfiguredPlatform,
  { compression, level, force }: ImageForm,
  { compressor, lease, onCompress, signal }: DocumentContext,
): Promise<Descriptor[]> {
  if (compression === undefined) return stage.layers.map(({ blob }) => blob);
  const options = { keep: keepBy(lease), signal, ...given('onStart', onCompress) };
  const blobs: Descriptor[] = [];
  for (const layer of stage.layers) blobs.push(await compressor.in(layer, { compression, level, force }, options));
  return blobs;
}

function keepBy(lease: BuildLease): (digest: Descriptor['digest']) => Promise<void> {
  return async (digest) => {
    await lease.addDigest(digest);
  };
}

/** In the field's usual order. */
function platformField({ architecture, os, variant }: Platform): Platform {
  return { architecture, os, ...given('variant', variant) };
}

/** A member that is there only when it has a value. */
function given<Name extends string, Value>(name: Name, value: Value | undefined): { [K in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [K in Name]?: Value };
}
