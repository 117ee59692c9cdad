import { LadingError } from '../errors/index.ts';
import type { ContentStore } from '../content/index.ts';
import type { Collection, MetadataStore } from '../metadata/index.ts';
import {
  chainIdsOf,
  familiarReference,
  formatReference,
  isDigest,
  parseImageConfig,
  parseJson,
  parseManifestDocument,
  parseReference,
  repositoryOf,
  withDefaultTag,
  type Descriptor,
  type Digest,
  type ImageConfig,
  type Reference,
} from '../oci/index.ts';
import type { Image, ImageRecord, ReferenceRecord } from './image-record.ts';

const ID_PREFIX = /^(?:sha256:)?([a-f0-9]{4,64})$/;
const CACHED_CONFIGS = 200;

/**
 * Names and images over the content store. Bytes live there; here are only records, changed in transactions.
 * Keys of references are canonical: `docker.io/library/alpine:3.20` or `docker.io/library/alpine@sha256:…`.
 */
export class ImageStore {
  readonly #content: ContentStore;
  readonly #metadata: MetadataStore;
  readonly #images: Collection<ImageRecord>;
  readonly #references: Collection<ReferenceRecord>;
  readonly #opened = new Map<Digest, Image>();

  constructor(content: ContentStore, metadata: MetadataStore) {
    this.#content = content;
    this.#metadata = metadata;
    this.#images = metadata.collection('images');
    this.#references = metadata.collection('references');
  }

  /**
   * Records an image whose manifest, config and layers are stored and unpacked, with its names, in one durable step.
   * Idempotent: an image that is there keeps its first record.
   */
  put(image: ImageRecord, names: readonly { reference: Reference; target: Descriptor }[] = []): void {
    this.#metadata.transaction(() => {
      const known = this.#images.get(image.id);
      if (!known) this.#images.put(image.id, image);
      const taggedAt = new Date().toISOString();
      for (const { reference, target } of names)
        this.#references.put(formatReference(reference), { imageId: image.id, target, taggedAt });
    });
  }

  has(id: Digest): boolean {
    return this.#images.get(id) !== undefined;
  }

  records(): ImageRecord[] {
    return this.#images.list().map(({ value }) => value);
  }

  references(): { name: string; record: ReferenceRecord }[] {
    return this.#references.list().map(({ key, value }) => ({ name: key, record: value }));
  }

  /** References by image, for a listing of everything. */
  namesByImage(): Map<Digest, { name: string; record: ReferenceRecord }[]> {
    const byImage = new Map<Digest, { name: string; record: ReferenceRecord }[]>();
    for (const entry of this.references()) {
      const names = byImage.get(entry.record.imageId) ?? [];
      names.push(entry);
      byImage.set(entry.record.imageId, names);
    }
    return byImage;
  }

  reference(reference: Reference): ReferenceRecord | undefined {
    return this.#references.get(formatReference(reference));
  }

  /** Moves or makes a name. */
  tag(reference: Reference, imageId: Digest, target: Descriptor): void {
    const taggedAt = new Date().toISOString();
    this.#metadata.transaction(() => this.#references.put(formatReference(reference), { imageId, target, taggedAt }));
  }

  untag(name: string): boolean {
    return this.#metadata.transaction(() => this.#references.delete(name));
  }

  /** Forgets an image and all its names; its bytes are left to the garbage collector. */
  remove(id: Digest): void {
    this.#metadata.transaction(() => {
      for (const { name, record } of this.references()) if (record.imageId === id) this.#references.delete(name);
      this.#images.delete(id);
    });
    this.#opened.delete(id);
  }

  /**
   * The record a user's text means: a reference, an image ID or a prefix of one (4 digits or more), or the digest of a
   * manifest or index. A reference wins over an ID prefix, as in Docker.
   * @throws not_found "No such image: x"; invalid_argument when a prefix is ambiguous
   */
  resolve(text: string): { record: ImageRecord; reference?: Reference } {
    const found = this.find(text);
    if (found) return found;
    throw new LadingError('not_found', `No such image: ${displayName(text)}`);
  }

  /** As {@link resolve}, undefined when nothing matches. */
  find(text: string): { record: ImageRecord; reference?: Reference } | undefined {
    const exact = isDigest(text) ? this.#images.get(text) : undefined;
    if (exact) return { record: exact };
    const named = this.#byReference(text);
    if (named) return named;
    const byId = this.#byPrefix(text);
    return byId && { record: byId };
  }

  #byReference(text: string): { record: ImageRecord; reference: Reference } | undefined {
    if (text.startsWith('sha256:')) return undefined;
    let reference: Reference;
    try {
      reference = withDefaultTag(parseReference(text));
    } catch {
      return undefined;
    }
    const { digest, tag: _tag, ...repository } = reference;
    const key = digest === undefined ? formatReference(reference) : `${repositoryOf(repository)}@${digest}`;
    const name = this.#references.get(key);
    const record = name && this.#images.get(name.imageId);
    if (record) return { record, reference };
    if (digest === undefined) return undefined;
    const byTarget = this.references().find(
      (entry) => entry.name.startsWith(`${repositoryOf(repository)}:`) && entry.record.target.digest === digest,
    );
    const image = byTarget && this.#images.get(byTarget.record.imageId);
    return image && { record: image, reference };
  }

  #byPrefix(text: string): ImageRecord | undefined {
    const hex = ID_PREFIX.exec(text)?.[1];
    if (hex === undefined) return undefined;
    const matches = new Map<Digest, ImageRecord>();
    for (const { value } of this.#images.list())
      if (value.id.startsWith(`sha256:${hex}`) || value.manifest.digest.startsWith(`sha256:${hex}`))
        matches.set(value.id, value);
    for (const { record } of this.references()) {
      const image = record.target.digest.startsWith(`sha256:${hex}`) ? this.#images.get(record.imageId) : undefined;
      if (image) matches.set(image.id, image);
    }
    if (matches.size > 1)
      throw new LadingError(
        'invalid_argument',
        `image id "${text}" is ambiguous: ${matches.size} images begin with it`,
        {
          hint: 'give more digits of the id',
        },
      );
    return [...matches.values()][0];
  }

  /** Reads an image's documents; remembered afterwards, since they never change. */
  async open(record: ImageRecord): Promise<Image> {
    const known = this.#opened.get(record.id);
    if (known) return known;
    const image = await readImage(this.#content, record);
    if (this.#opened.size >= CACHED_CONFIGS) this.#opened.clear();
    this.#opened.set(record.id, image);
    return image;
  }
}

async function readImage(content: ContentStore, record: ImageRecord): Promise<Image> {
  const document = parseManifestDocument(await content.read(record.manifest.digest), record.manifest.mediaType);
  if (document.kind !== 'manifest')
    throw new LadingError('data_loss', `open image ${record.id}: its manifest is an index`);
  const config: ImageConfig = parseImageConfig(
    parseJson(await content.read(document.manifest.config.digest), 'image config'),
  );
  return { ...record, config, layers: pairLayers(config, document.manifest.layers) };
}

/** Joins a manifest's layers with the config's diffIDs. @throws invalid_argument when their numbers differ */
export function pairLayers(config: ImageConfig, blobs: readonly Descriptor[]): Image['layers'] {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== blobs.length)
    throw new LadingError(
      'invalid_argument',
      `invalid image: ${blobs.length} layers in the manifest, ${diffIds.length} diff_ids in the config`,
    );
  const chain = chainIdsOf(diffIds);
  return blobs.map((blob, i) => ({ blob, diffId: diffIds[i]!, chainId: chain[i]! }));
}

/** Docker names what was asked for with its implied tag. */
function displayName(text: string): string {
  try {
    return ID_PREFIX.test(text) ? text : familiarReference(withDefaultTag(parseReference(text)));
  } catch {
    return text;
  }
}
