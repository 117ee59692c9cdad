import type { Descriptor, DiffID, ImageManifest } from '../../oci/index.ts';
import { MEDIA, compressionOfLayerType, isObject, parseImageConfig, parseJson } from '../../oci/index.ts';
import { LadingError } from '../../errors/index.ts';
import {
  BUILDKIT_CONFIG,
  BUILDKIT_INLINE_FIELD,
  CACHE_CONFIG,
  INLINE_FIELD,
  parseCacheDocument,
  type CacheDocument,
} from './cache-document.ts';

/** A cache whose document was read: what it knows, and the way to its layers. */
export interface OpenedCache {
  /** For people. */
  readonly name: string;
  readonly document: CacheDocument;
  readonly layers: ReadonlyMap<DiffID, Descriptor>;
  /** Brings a layer's blob into the store, digest and size verified. */
  fetch(blob: Descriptor, options: { readonly signal: AbortSignal }): Promise<void>;
}

type Opened = Pick<OpenedCache, 'document' | 'layers'>;

const BUILDKIT = new LadingError('not_implemented', "it is BuildKit's, whose keys mean nothing to lading", {
  hint: 'write one with lading build --cache-to',
});

/** The cache a manifest's config is, or carries. @throws invalid_argument, not_implemented (BuildKit's), not_found (an image without one) */
export function openManifest(manifest: ImageManifest, configBytes: Buffer): Opened {
  const { mediaType } = manifest.config;
  if (mediaType === BUILDKIT_CONFIG) throw BUILDKIT;
  const config = parseJson(configBytes, 'build cache');
  if (mediaType === CACHE_CONFIG) return paired(parseCacheDocument(config), manifest);
  if (!isObject(config)) throw new LadingError('invalid_argument', 'its config is no image config');
  if (config[INLINE_FIELD] !== undefined) {
    const { rootfs } = parseImageConfig(config);
    return paired(parseCacheDocument(config[INLINE_FIELD], rootfs.diff_ids), manifest);
  }
  if (config[BUILDKIT_INLINE_FIELD] !== undefined) throw BUILDKIT;
  throw new LadingError('not_found', 'the image carries no cache', {
    hint: 'build it with --cache-to type=inline, or export a cache with --cache-to type=registry,ref=…',
  });
}

/** BuildKit's caches of old are indexes that list layers. */
export function refuseBuildkitIndex(manifests: readonly Descriptor[]): void {
  if (manifests.some(({ mediaType }) => mediaType === BUILDKIT_CONFIG)) throw BUILDKIT;
}

/** Joins layers with their diffIDs. @throws invalid_argument when their numbers differ */
function paired(document: CacheDocument, { layers: all }: ImageManifest): Opened {
  const blobs = all.filter(({ mediaType }) => mediaType !== MEDIA.ociEmpty);
  const { diff_ids: diffIds } = document.rootfs;
  if (blobs.length !== diffIds.length || blobs.some(({ mediaType }) => compressionOfLayerType(mediaType) === undefined))
    throw new LadingError('invalid_argument', 'its layers are not those its document lists');
  return { document, layers: new Map(blobs.map((blob, i) => [diffIds[i]!, blob])) };
}
