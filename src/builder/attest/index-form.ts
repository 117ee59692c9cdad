import type { ContentStore } from '../../content/index.ts';
import { descriptorOf } from '../../image/index.ts';
import { MEDIA, digestOf, type Descriptor, type Digest } from '../../oci/index.ts';
import { IN_TOTO, PREDICATE_TYPE, type Statement } from './statement.ts';

/** BuildKit's form of attestations: a manifest beside the image's in an index, for the platform unknown/unknown. */
export interface AttestationManifest {
  readonly manifest: Descriptor;
  /** Config and statements. */
  readonly blobs: readonly Descriptor[];
  /** As the index lists it. */
  readonly entry: Descriptor;
}

/** Stores the statements about `subject` in BuildKit's form (docs/attestations/attestation-storage.md). */
export async function attestationManifest(
  content: ContentStore,
  subject: Descriptor,
  statements: readonly Statement[],
  keep: (digest: Digest) => Promise<void>,
): Promise<AttestationManifest> {
  const put = async (mediaType: string, document: object): Promise<Descriptor> => {
    const bytes = Buffer.from(JSON.stringify(document));
    await keep(digestOf(bytes));
    return descriptorOf(mediaType, await content.put(bytes));
  };
  const layers: Descriptor[] = [];
  for (const statement of statements)
    layers.push({
      ...(await put(IN_TOTO, statement)),
      annotations: { [PREDICATE_TYPE]: statement.predicateType },
    });
  const config = await put(MEDIA.ociConfig, {
    architecture: 'unknown',
    os: 'unknown',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  });
  const manifest = await put(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config,
    layers,
  });
  return {
    manifest,
    blobs: [config, ...layers],
    entry: {
      ...manifest,
      annotations: {
        'vnd.docker.reference.digest': subject.digest,
        'vnd.docker.reference.type': 'attestation-manifest',
      },
      platform: { architecture: 'unknown', os: 'unknown' },
    },
  };
}
