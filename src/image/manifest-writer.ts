import type { BlobInfo, ContentIngester } from '../content/index.ts';
import { MEDIA, digestOf, type Descriptor, type Digest, type ImageConfig } from '../oci/index.ts';

/** Leases a digest against the garbage collector. Called before the blob is stored: one that exists may be about to be deleted. */
type Keep = (digest: Digest) => Promise<void>;

/** Stores an image config; the bytes written here are the image's identity. */
export async function putConfig(content: ContentIngester, config: ImageConfig, keep?: Keep): Promise<Descriptor> {
  return putDocument(content, MEDIA.ociConfig, config, keep);
}

/** Stores an OCI manifest for a config and its layers. */
export async function putManifest(
  content: ContentIngester,
  config: Descriptor,
  layers: readonly Descriptor[],
  keep?: Keep,
): Promise<Descriptor> {
  const manifest = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config, layers };
  return putDocument(content, MEDIA.ociManifest, manifest, keep);
}

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
