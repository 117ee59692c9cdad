import type { ContentStore } from '../../content/index.ts';
import { pushReferrers, type CallOptions, type RegistryClient } from '../../distribution/index.ts';
import type { Referrer } from '../../image/index.ts';
import type { Digest, Reference } from '../../oci/index.ts';

/** Sends what refers to a pushed manifest after it. */
export async function pushAttestations(
  referrers: readonly Referrer[],
  repository: Reference,
  subject: Digest,
  { content, registries, call }: { content: ContentStore; registries: RegistryClient; call: CallOptions },
): Promise<void> {
  if (referrers.length === 0) return;
  const artifacts = [];
  for (const { manifest, blobs } of referrers)
    artifacts.push({
      descriptor: manifest,
      manifestBytes: await content.read(manifest.digest),
      mediaType: manifest.mediaType,
      blobs: blobs.map((descriptor) => ({
        descriptor,
        open: (start = 0) => content.open(descriptor.digest, { start }),
      })),
    });
  await pushReferrers(registries, repository, subject, artifacts, call);
}
