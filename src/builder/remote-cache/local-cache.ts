import { randomBytes } from 'node:crypto';
import type { ContentStore } from '../../content/index.ts';
import { LadingError } from '../../errors/index.ts';
import { parseManifestDocument, type Digest } from '../../oci/index.ts';
import type { CacheSource } from './cache-options.ts';
import { LayoutFolder } from './layout-folder.ts';
import { openManifest, type OpenedCache } from './opened-cache.ts';

/** A cache in a folder of this machine. @throws not_found, invalid_argument, data_loss */
export async function openLocalCache(
  { path, tag, digest, name }: Extract<CacheSource, { kind: 'local' }>,
  content: ContentStore,
): Promise<OpenedCache> {
  const layout = new LayoutFolder(path);
  const document = parseManifestDocument(await layout.read(digest ?? (await tagged(layout, path, tag))));
  if (document.kind === 'index') throw new LadingError('invalid_argument', 'it is an index, not a manifest');
  const { manifest } = document;
  return {
    name,
    ...openManifest(manifest, await layout.read(manifest.config.digest)),
    fetch: async (blob, { signal }) => {
      if (await content.info(blob.digest)) return;
      const ingest = `cache ${blob.digest} ${randomBytes(6).toString('hex')}`;
      await content.ingest(ingest, await layout.open(blob), { digest: blob.digest, size: blob.size }, { signal });
    },
  };
}

async function tagged(layout: LayoutFolder, path: string, tag: string): Promise<Digest> {
  const found = await layout.tagged(tag);
  if (found) return found.digest;
  throw new LadingError('not_found', `there is no cache with the tag "${tag}" in "${path}"`);
}
