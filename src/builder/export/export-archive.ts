import { LadingError } from '../../errors/index.ts';
import { writeLayoutArchive } from '../../image/index.ts';
import {
  familiarReference,
  MEDIA,
  repositoryOf,
  type Descriptor,
  type Digest,
  type Reference,
} from '../../oci/index.ts';
import type { Referrer } from '../../image/index.ts';
import { asStep, attached, type Exported, type Exporting } from './exporting.ts';
import type { ImageDocuments } from './image-documents.ts';
import type { ArchiveOutput } from './output-options.ts';

/** `type=docker,dest=…` and `type=oci`: a tar, or with `tar=false` a folder, written by the client. */
export async function exportArchive(output: ArchiveOutput, exporting: Exporting): Promise<Exported> {
  const { format, dest, names } = output;
  if (format === 'docker' && exporting.withIndex) refuseDockerIndex();
  return asStep(exporting.progress, `exporting to ${format} image format`, async () => {
    const documents = await exporting.documents(output.form);
    // Images stay plain unless attestations were asked for: not every reader expects other manifests beside them.
    const wanted = format === 'oci' && exporting.request.attestations !== undefined;
    const referrers = wanted ? (await attached(documents, exporting)).flat() : [];
    const archive = {
      blobs: [...blobsOf(documents), ...referrers.flatMap(digestsOf)],
      index: layoutIndex(documents.described, names, referrers),
      ...(format === 'docker' ? { dockerManifest: dockerManifest(documents, names) } : {}),
    };
    const { streams, onEvent, signal, dependencies } = exporting;
    const form = output.tar ? 'tar' : 'local';
    await streams.offer(
      () => writeLayoutArchive(dependencies.content, archive),
      (id) => onEvent({ kind: 'export', id, form, dest }),
      { signal },
    );
    return { target: documents.target, names, tagged: false };
  });
}

/** A docker-archive holds images of one platform. @throws invalid_argument */
export function refuseDockerIndex(): never {
  throw new LadingError(
    'invalid_argument',
    'docker exporter does not support exporting manifest lists, use the oci exporter instead',
    { hint: '-o type=oci,dest=FILE, or one --platform at a time' },
  );
}

function digestsOf({ manifest, blobs }: Referrer): Digest[] {
  return [...new Set([manifest, ...blobs].map(({ digest }) => digest))];
}

function blobsOf({ manifests, index, attestations }: ImageDocuments): Digest[] {
  const platforms = manifests.flatMap(({ manifest, config, layers }) => [manifest, config, ...layers]);
  const own = [...(index ? [index] : []), ...platforms].map(({ digest }) => digest);
  return [...own, ...attestations.flatMap(digestsOf)];
}

/** One entry for each name, since an annotation holds one. */
function layoutIndex(described: Descriptor, names: readonly Reference[], referrers: readonly Referrer[]): object {
  const { annotations, platform, ...plain } = described;
  const entry = (own: Readonly<Record<string, string>> | undefined): object => ({
    ...plain,
    ...(annotations || own ? { annotations: { ...annotations, ...own } } : {}),
    ...(platform ? { platform } : {}),
  });
  const manifests =
    names.length === 0
      ? [entry(undefined)]
      : names.map((name) =>
          entry({
            'io.containerd.image.name': `${repositoryOf(name)}:${name.tag ?? 'latest'}`,
            'org.opencontainers.image.ref.name': name.tag ?? 'latest',
          }),
        );
  const others = referrers.map(({ manifest }) => manifest);
  return { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [...manifests, ...others] };
}

function dockerManifest({ manifests: [only] }: ImageDocuments, names: readonly Reference[]): object[] {
  const path = ({ digest }: Descriptor): string => `blobs/${digest.replace(':', '/')}`;
  const RepoTags = names.length > 0 ? names.map(familiarReference) : null;
  return only ? [{ Config: path(only.config), RepoTags, Layers: only.layers.map(path) }] : [];
}
