import type { ContentIngester } from '../content/index.ts';
import type { Collection, MetadataStore } from '../metadata/index.ts';
import { MEDIA, digestOf, type Descriptor, type Digest, type ImageManifest } from '../oci/index.ts';

/** An artifact that refers to a manifest (image-spec 1.1, "subject"): an attestation, say. */
export interface Referrer {
  /** Its manifest, with `artifactType` and `annotations` as a registry's list of referrers has them. */
  readonly manifest: Descriptor;
  /** Config and layers. */
  readonly blobs: readonly Descriptor[];
  /** What only this store knows of it; plain JSON, never sent anywhere. */
  readonly local?: unknown;
}

export interface ArtifactContent {
  readonly artifactType: string;
  readonly layers: readonly {
    readonly mediaType: string;
    readonly bytes: Uint8Array;
    readonly annotations?: Annotations;
  }[];
  readonly annotations?: Annotations;
}

type Annotations = Readonly<Record<string, string>>;

/** The two bytes of an artifact's config that has none. */
const EMPTY = Buffer.from('{}');

/**
 * What refers to manifests of this store. The artifacts' bytes are in the content store; a subject's entry lives as long as an image or a name
 * leads to the subject, see {@link Referrers.keep}.
 */
export class Referrers {
  readonly #metadata: MetadataStore;
  readonly #entries: Collection<readonly Referrer[]>;

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata;
    this.#entries = metadata.collection('referrers');
  }

  /** In the order they were added. */
  of(subject: Digest): readonly Referrer[] {
    return this.#entries.get(subject) ?? [];
  }

  /** Adds referrers to a subject; `replaces` says which of the present ones go. */
  add(subject: Digest, added: readonly Referrer[], replaces: (present: Referrer) => boolean = () => false): void {
    const digests = new Set(added.map(({ manifest }) => manifest.digest));
    this.#metadata.transaction(() => {
      const kept = this.of(subject).filter((one) => !digests.has(one.manifest.digest) && !replaces(one));
      this.#entries.put(subject, [...kept, ...added]);
    });
  }

  /** Changes what this store alone knows of a referrer. */
  note(subject: Digest, referrer: Digest, local: unknown): void {
    const noted = (one: Referrer): Referrer => (one.manifest.digest === referrer ? { ...one, local } : one);
    this.#metadata.transaction(() => this.#entries.put(subject, this.of(subject).map(noted)));
  }

  /** Forgets referrers of all but these subjects. @returns what the garbage collector must keep */
  keep(subjects: ReadonlySet<Digest>): Digest[] {
    const gone: string[] = [];
    const digests: Digest[] = [];
    for (const { key, value } of this.#entries.list()) {
      if (!subjects.has(key as Digest)) gone.push(key);
      else for (const { manifest, blobs } of value) digests.push(manifest.digest, ...blobs.map((blob) => blob.digest));
    }
    if (gone.length > 0)
      this.#metadata.transaction(() => {
        for (const key of gone) this.#entries.delete(key);
      });
    return digests;
  }
}

/** Stores an artifact that refers to `subject`. Equal content gives equal bytes. @param keep leases a digest before its bytes are stored */
export async function putReferrer(
  content: ContentIngester,
  subject: Descriptor,
  { artifactType, layers, annotations }: ArtifactContent,
  keep: (digest: Digest) => Promise<void>,
): Promise<Referrer> {
  const config = { ...(await put(content, MEDIA.ociEmpty, EMPTY, keep)), data: EMPTY.toString('base64') };
  const stored: Descriptor[] = [];
  for (const { mediaType, bytes, annotations: own } of layers)
    stored.push({ ...(await put(content, mediaType, bytes, keep)), ...(own ? { annotations: own } : {}) });
  const { mediaType, digest, size } = subject;
  const document: ImageManifest = {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    artifactType,
    config,
    layers: stored,
    subject: { mediaType, digest, size },
    ...(annotations ? { annotations } : {}),
  };
  const manifest = await put(content, MEDIA.ociManifest, Buffer.from(JSON.stringify(document)), keep);
  return {
    manifest: { ...manifest, artifactType, ...(annotations ? { annotations } : {}) },
    blobs: [config, ...stored].map((blob) => ({ mediaType: blob.mediaType, digest: blob.digest, size: blob.size })),
  };
}

async function put(
  content: ContentIngester,
  mediaType: string,
  bytes: Uint8Array,
  keep: (digest: Digest) => Promise<void>,
): Promise<Descriptor> {
  await keep(digestOf(bytes));
  const { digest, size } = await content.put(bytes);
  return { mediaType, digest, size };
}
