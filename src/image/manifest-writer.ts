import type { BlobInfo, ContentIngester } from '../content/index.ts';
import { MEDIA, digestOf, type Descriptor, type Digest, type ImageConfig } from '../oci/index.ts';

/** Leases a digest against the garbage collector. Called before the blob is stored: one that exists may be about to be deleted. */
type Keep = (digest: Digest) => Promise<void>;

/** Stores an image config; the bytes written here are the image's identity. */
export async function putConfig(content: ContentIngester, config: ImageConfig, keep?: Keep): Promise<Descriptor> {
  return putDocument(content, MEDIA.ociConfig, config, keep);
}

export interface ManifestOptions {
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Docker's media types instead of OCI's, for the document and all it names. */
  readonly dockerTypes?: boolean;
}

/** Stores a manifest for a config and its layers; OCI's unless asked otherwise. */
export async function putManifest(
  content: ContentIngester,
  config: Descriptor,
  layers: readonly Descriptor[],
  keep?: Keep,
  { annotations, dockerTypes = false }: ManifestOptions = {},
): Promise<Descriptor> {
  const typed = (one: Descriptor): Descriptor =>
    dockerTypes ? { ...one, mediaType: DOCKER_TYPES[one.mediaType] ?? one.mediaType } : one;
  const mediaType = dockerTypes ? MEDIA.dockerManifest : MEDIA.ociManifest;
  const manifest = { schemaVersion: 2, mediaType, config: typed(config), layers: layers.map(typed) };
  return putDocument(content, mediaType, annotations ? { ...manifest, annotations } : manifest, keep);
}

/** Stores an index of manifests, which say for themselves for what platform they are. */
export async function putIndex(
  content: ContentIngester,
  manifests: readonly Descriptor[],
  keep?: Keep,
  { annotations, dockerTypes = false }: ManifestOptions = {},
): Promise<Descriptor> {
  const mediaType = dockerTypes ? MEDIA.dockerList : MEDIA.ociIndex;
  const index = { schemaVersion: 2, mediaType, manifests };
  return putDocument(content, mediaType, annotations ? { ...index, annotations } : index, keep);
}

const DOCKER_TYPES: Readonly<Record<string, string>> = {
  [MEDIA.ociConfig]: MEDIA.dockerConfig,
  [MEDIA.ociLayer]: MEDIA.dockerLayer,
  [MEDIA.ociLayerGzip]: MEDIA.dockerLayerGzip,
};

async function putDocument(
  content: ContentIngester,
  mediaType: string,
  document: object,
  keep?: Keep,
): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(document));
  await keep?.(digestOf(bytes));
  return descriptorOf(mediaType, await content.put(bytes));
}

export function descriptorOf(mediaType: string, blob: BlobInfo): Descriptor {
  return { mediaType, digest: blob.digest, size: blob.size };
}
