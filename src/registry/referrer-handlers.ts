import { MEDIA, type Descriptor } from '../oci/index.ts';
import { answer, digestIn, type Backend, type Exchange } from './exchange.ts';

/** GET referrers: what points at a manifest, whether or not the manifest itself is here (end-12). */
export async function listReferrers(backend: Backend, exchange: Exchange): Promise<void> {
  const { name, reference, query } = exchange;
  const artifactType = query.get('artifactType');
  const manifests: Descriptor[] = [];
  for await (const referrer of backend.repositories.referrers(name, digestIn(reference)))
    if (artifactType === null || referrer.artifactType === artifactType) manifests.push(referrer);
  answer(
    exchange,
    200,
    { 'content-type': MEDIA.ociIndex, ...(artifactType === null ? {} : { 'oci-filters-applied': 'artifactType' }) },
    { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests },
  );
}
