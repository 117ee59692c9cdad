import type { ContentStore } from '../../content/index.ts';
import { LadingError } from '../../errors/index.ts';
import type { ImageStore } from '../../image/index.ts';
import { formatReference, parseManifestDocument, type Reference } from '../../oci/index.ts';
import { openManifest, type OpenedCache } from './opened-cache.ts';

/** The inline cache of an image in the store, for `pull IMAGE; build --cache-from IMAGE`; undefined when there is no such image, or it has none. */
export async function openStoredCache(
  reference: Reference,
  { images, content }: { readonly images: ImageStore; readonly content: ContentStore },
): Promise<OpenedCache | undefined> {
  const name = formatReference(reference);
  try {
    const record = images.find(name)?.record;
    if (!record) return undefined;
    const document = parseManifestDocument(await content.read(record.manifest.digest), record.manifest.mediaType);
    if (document.kind === 'index') return undefined;
    const opened = openManifest(document.manifest, await content.read(document.manifest.config.digest));
    return {
      name,
      ...opened,
      fetch: async ({ digest }) => {
        if (await content.info(digest)) return;
        throw new LadingError('not_found', `layer ${digest} of the image is not stored any more`);
      },
    };
  } catch {
    return undefined;
  }
}
