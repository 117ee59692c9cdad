import { LadingError } from '../errors/index.ts';
import type { ContentStore } from '../content/index.ts';
import type { Collection, MetadataStore } from '../metadata/index.ts';
import {
  chainIdsOf,
  familiarReference,
  formatReference,
  isDigest,
  isManifestType,
  parseImageConfig,
  parseJson,
  parseManifestDocument,
  parseReference,
  platformMatches,
  repositoryOf,
  withDefaultTag,
  type Descriptor,
  type Digest,
  type ImageConfig,
  type Platform,
  type Reference,
} from '../oci/index.ts';
import type { Image, ImageRecord, IndexRecord, ReferenceRecord } from './image-record.ts';

const ID_PREFIX = /^(?:sha256:)?([a-f0-9]{4,64})$/;
const CACHED_CONFIGS = 200;

/** What a text means: an image, and when it names an index, that; `record` is then the image for this machine. */
export interface FoundImage {
  readonly record: ImageRecord;
  readonly reference?: Reference;
  readonly index?: IndexRecord;
}

interface Name {
  readonly reference: Reference;
  readonly target: Descriptor;
  readonly others?: readonly Digest[];
}

/**
 * Names and images over the content store. Bytes live there; here are only records, changed in transactions.
 * Keys of references are canonical: `docker.io/library/alpine:3.20` or `docker.io/library/alpine@sha256:…`.
 */
export class ImageStore {
  readonly #content: ContentStore;
  readonly #metadata: MetadataStore;
  readonly #images: Collection<ImageRecord>;
  readonly #references: Collection<ReferenceRecord>;
  readonly #indexes: Collection<IndexRecord>;
  readonly #opened = new Map<Digest, Image>();

  constructor(content: ContentStore, metadata: MetadataStore) {
    this.#content = content;
    this.#metadata = metadata;
    this.#images = metadata.collection('images');
    this.#references = metadata.collection('references');
    this.#indexes = metadata.collection('indexes');
  }

  /**
   * Records an image whose manifest, config and layers are stored and unpacked, with its names, in one durable step.
   * Idempotent: an image that is there keeps its first record.
   */
  put(image: ImageRecord, names: readonly Name[] = []): void {
    this.#metadata.transaction(() => {
      if (!this.#images.get(image.id)) this.#images.put(image.id, image);
      for (const { reference, target, others } of names) this.#name(reference, image.id, target, others);
    });
  }

  /** Records an index with the images of all its platforms, and its names, in one durable step. */
  putIndex(
    index: Pick<IndexRecord, 'descriptor' | 'primary' | 'also'> & { readonly images: readonly ImageRecord[] },
    names: readonly Name[] = [],
  ): void {
    const { descriptor, primary, also = [] } = index;
    const images = index.images.map(({ id, manifest }) => ({ id, manifest }));
    const others = images.map(({ id }) => id).filter((id) => id !== primary);
    this.#metadata.transaction(() => {
      for (const image of index.images) if (!this.#images.get(image.id)) this.#images.put(image.id, image);
      const storedAt = new Date().toISOString();
      const extra = also.length === 0 ? {} : { also };
      this.#indexes.put(descriptor.digest, { descriptor, images, primary, ...extra, storedAt });
      for (const { reference, target } of names) this.#name(reference, primary, target, others);
    });
  }

  #name(reference: Reference, imageId: Digest, target: Descriptor, others: readonly Digest[] = []): void {
    const taggedAt = new Date().toISOString();
    const record = { imageId, target, taggedAt, ...(others.length === 0 ? {} : { others }) };
    this.#references.put(formatReference(reference), record);
  }

  index(digest: Digest): IndexRecord | undefined {
    return this.#indexes.get(digest);
  }

  indexes(): IndexRecord[] {
    return this.#indexes.list().map(({ value }) => value);
  }

  /** Images that belong to an index, or stand behind a name for another platform. */
  members(): Set<Digest> {
    const inIndexes = this.indexes().flatMap(({ images }) => images.map(({ id }) => id));
    return new Set([...inIndexes, ...this.references().flatMap(({ record }) => record.others ?? [])]);
  }

  /** Forgets an index; its images stay. */
  removeIndex(digest: Digest): void {
    this.#metadata.transaction(() => this.#indexes.delete(digest));
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
  tag(reference: Reference, imageId: Digest, target: Descriptor, others?: readonly Digest[]): void {
    this.#metadata.transaction(() => this.#name(reference, imageId, target, others));
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
    for (const [key, image] of this.#opened) if (image.id === id) this.#opened.delete(key);
  }

  /**
   * The record a user's text means: a reference, an image ID or a prefix of one (4 digits or more), or the digest of a
   * manifest or index. A reference wins over an ID prefix, as in Docker.
   * @throws not_found "No such image: x"; invalid_argument when a prefix is ambiguous
   */
  resolve(text: string): FoundImage {
    const found = this.find(text);
    if (found) return found;
    throw new LadingError('not_found', `No such image: ${displayName(text)}`);
  }

  /** As {@link resolve}, undefined when nothing matches. */
  find(text: string): FoundImage | undefined {
    const exact = isDigest(text) ? this.#images.get(text) : undefined;
    if (exact) return { record: exact };
    return this.#byReference(text) ?? this.#byPrefix(text);
  }

  /** The image a text means for a platform: also one that stands behind the name for another platform than this machine's. */
  async findFor(text: string, platform: Platform): Promise<Image | undefined> {
    const found = this.find(text);
    if (!found) return undefined;
    const name = found.reference && this.#references.get(formatReference(found.reference));
    const others = (name?.others ?? []).flatMap((id) => this.#images.get(id) ?? []);
    for (const record of [found.record, ...others, ...(found.index ? this.imagesOf(found.index) : [])]) {
      const image = await this.open(record);
      if (platformMatches(platform, image.config)) return image;
    }
    return undefined;
  }

  /** The records of an index's images, in its order. @throws data_loss when one is gone */
  imagesOf({ descriptor, images }: IndexRecord): ImageRecord[] {
    return images.map(({ id, manifest }) => {
      const record = this.#images.get(id);
      if (record) return { ...record, manifest };
      throw new LadingError('data_loss', `image index ${descriptor.digest}: its image ${id} is gone`);
    });
  }

  #byReference(text: string): FoundImage | undefined {
    if (text.startsWith('sha256:')) return undefined;
    let reference: Reference;
    try {
      reference = withDefaultTag(parseReference(text));
    } catch {
      return undefined;
    }
    const { digest, tag: _tag, ...repository } = reference;
    const key = digest === undefined ? formatReference(reference) : `${repositoryOf(repository)}@${digest}`;
    const named = this.#foundBy(this.#references.get(key), reference);
    if (named || digest === undefined) return named;
    const byTarget = this.references().find(
      (entry) => entry.name.startsWith(`${repositoryOf(repository)}:`) && entry.record.target.digest === digest,
    );
    return this.#foundBy(byTarget?.record, reference);
  }

  #foundBy(name: ReferenceRecord | undefined, reference: Reference): FoundImage | undefined {
    const image = name && this.#images.get(name.imageId);
    if (!image) return undefined;
    const { mediaType, digest } = name.target;
    // The same image under other documents (annotations, compression): the name's are what goes out.
    const record = isManifestType(mediaType) ? { ...image, manifest: name.target } : image;
    const index = this.#indexes.get(digest);
    return { record, reference, ...(index ? { index } : {}) };
  }

  #byPrefix(text: string): FoundImage | undefined {
    const hex = ID_PREFIX.exec(text)?.[1];
    if (hex === undefined) return undefined;
    const prefix = `sha256:${hex}`;
    const matches = new Map<Digest, FoundImage>();
    for (const { value: record } of this.#images.list())
      if (record.id.startsWith(prefix) || record.manifest.digest.startsWith(prefix)) matches.set(record.id, { record });
    for (const index of this.indexes()) {
      const { digest } = index.descriptor;
      const record = digest.startsWith(prefix) ? this.#images.get(index.primary) : undefined;
      if (record) matches.set(digest, { record, index });
    }
    for (const { record: name } of this.references()) {
      if (!name.target.digest.startsWith(prefix) || matches.has(name.target.digest)) continue;
      const record = this.#images.get(name.imageId);
      if (record) matches.set(record.id, { record });
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
    const key = record.manifest.digest;
    const known = this.#opened.get(key);
    if (known?.id === record.id) return known;
    const image = await readImage(this.#content, record);
    if (this.#opened.size >= CACHED_CONFIGS) this.#opened.clear();
    this.#opened.set(key, image);
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
