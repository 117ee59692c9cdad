import type { ContentStore } from '../../content/index.ts';
import type { CallOptions, RegistryClient } from '../../distribution/index.ts';
import { parseManifestDocument, type Descriptor, type ImageManifest, type Reference } from '../../oci/index.ts';
import { openManifest, refuseBuildkitIndex, type OpenedCache } from './opened-cache.ts';

/** Platforms of one image that are looked through for inline caches. */
const MAX_PLATFORMS = 16;

/** The caches a reference names: one, or for an image of several platforms one each. @throws as RegistryClient, {@link openManifest} */
export async function openRegistryCache(
  reference: Reference,
  name: string,
  {
    client,
    content,
    call,
  }: { readonly client: RegistryClient; readonly content: ContentStore; readonly call: CallOptions },
): Promise<OpenedCache[]> {
  const { bytes, mediaType } = await client.resolve(reference, call);
  const found = parseManifestDocument(bytes, mediaType);
  const open = async (manifest: ImageManifest): Promise<OpenedCache> => ({
    name,
    ...openManifest(manifest, await client.fetchBlob(reference, manifest.config, call)),
    fetch: async (blob: Descriptor, { signal }) => {
      const has = async (digest: Descriptor['digest']): Promise<boolean> => (await content.info(digest)) !== undefined;
      await client.pullBlob(reference, blob, content, { auth: call.auth, signal, has });
    },
  });
  if (found.kind === 'manifest') return [await open(found.manifest)];
  refuseBuildkitIndex(found.index.manifests);
  const caches: OpenedCache[] = [];
  for (const { digest } of found.index.manifests.filter(isImage).slice(0, MAX_PLATFORMS)) {
    const one = await client.fetchManifest(reference, digest, call);
    const document = parseManifestDocument(one.bytes, one.mediaType);
    if (document.kind === 'manifest') caches.push(await open(document.manifest));
  }
  return caches;
}

/** Not an attestation, as BuildKit lists them. */
function isImage({ platform }: Descriptor): boolean {
  return platform?.os !== 'unknown';
}
