import type { BlobInfo, ContentIngester } from '../content/index.ts';
import { MEDIA, type Descriptor, type ImageConfig } from '../oci/index.ts';

/** Stores an image config; the bytes written here are the image's identity. */
export async function putConfig(content: ContentIngester, config: ImageConfig): Promise<Descriptor> {
  const blob = await content.put(Buffer.from(JSON.stringify(config)));
  return descriptorOf(MEDIA.ociConfig, blob);
}

/** Stores an OCI manifest for a config and its layers. */
export async function putManifest(
  content: ContentIngester,
  config: Descriptor,
  layers: readonly Descriptor[],
): Promise<Descriptor> {
  const manifest = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config, layers };
  return descriptorOf(MEDIA.ociManifest, await content.put(Buffer.from(JSON.stringify(manifest))));
}

export function descriptorOf(mediaType: string, blob: BlobInfo): Descriptor {
  return { mediaType, digest: blob.digest, size: blob.size };
}
