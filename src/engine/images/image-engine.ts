import type { Readable } from 'node:stream';
import type { ContentStore } from '../../content/index.ts';
import { LadingError, isLadingError } from '../../errors/index.ts';
import {
  writeImageArchive,
  type FoundImage,
  type Image,
  type ImageRecord,
  type ImageStore,
  type ImageToSave,
  type IndexRecord,
  type Referrers,
} from '../../image/index.ts';
import {
  familiarReference,
  familiarRepository,
  formatReference,
  parseReference,
  repositoryOf,
  withDefaultTag,
  type Digest,
  type Platform,
  type Reference,
} from '../../oci/index.ts';
import type { EventBus } from '../events.ts';
import type { Leases } from '../leases.ts';
import { matchesLabels, matchesUntil } from '../filters.ts';
import type { Credentials, Filters, ImageEngine, ImageHistory, ImageView, OnProgress } from '../types.ts';
import { attestationsOf } from './attestations.ts';
import { historyOf } from './history.ts';
import type { ImageImporter, ImportOptions } from './image-importer.ts';
import type { ImageLoader } from './image-loader.ts';
import type { ImagePuller } from './image-puller.ts';
import type { ImagePusher } from './image-pusher.ts';

export interface ImageEngineDependencies {
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly referrers: Referrers;
  readonly puller: ImagePuller;
  readonly pusher: ImagePusher;
  readonly loader: ImageLoader;
  readonly importer: ImageImporter;
  readonly events: EventBus;
  readonly leases: Leases;
  /** Containers that stand on an image, running or not. */
  readonly containersOf: (imageId: string) => { id: string; running: boolean }[];
  /** Asks for a garbage collection; returns the bytes it freed. */
  readonly collect: () => Promise<number>;
}

type Removal = { Untagged: string } | { Deleted: string };

/** Use cases of images. */
export class LocalImages implements ImageEngine {
  readonly #d: ImageEngineDependencies;

  constructor(dependencies: ImageEngineDependencies) {
    this.#d = dependencies;
  }

  /** All that can be opened: one damaged image must not hide the others. The garbage collector's warning names it. */
  async list(): Promise<ImageView[]> {
    const { images } = this.#d;
    const names = images.namesByImage();
    const members = images.members();
    const views: ImageView[] = [];
    const add = async (record: ImageRecord, index?: IndexRecord): Promise<void> => {
      const own = namesOf(names.get(record.id) ?? [], images, index);
      if (index === undefined && own.length === 0 && members.has(record.id)) return;
      const image = await openIfWhole(images, record);
      if (image) views.push(this.#view(image, own, index));
    };
    for (const record of images.records()) await add(record);
    for (const index of images.indexes()) await add(images.resolve(index.primary).record, index);
    return views.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  }

  async get(ref: string): Promise<ImageView> {
    const { images } = this.#d;
    const { record, index } = images.resolve(ref);
    const names = namesOf(images.namesByImage().get(record.id) ?? [], images, index);
    return this.#view(await images.open(record), names, index);
  }

  #view(image: Image, names: readonly NamedRecord[], index?: IndexRecord): ImageView {
    const { config } = image;
    const parsed = names.map(({ name, record }) => ({ reference: parseReference(name), record }));
    const tagged = parsed.filter(({ reference }) => reference.tag !== undefined);
    const byDigest = parsed.filter(({ reference }) => reference.digest !== undefined && reference.tag === undefined);
    return {
      id: index?.descriptor.digest ?? image.id,
      repoTags: tagged.map(({ reference }) => familiarReference(reference)).sort(),
      repoDigests: byDigest.map(({ reference }) => `${familiarRepository(reference)}@${reference.digest}`).sort(),
      createdAt: config.created ?? '0001-01-01T00:00:00Z',
      sizeBytes: image.sizeBytes,
      author: config.author ?? '',
      architecture: config.architecture,
      ...(config.variant === undefined ? {} : { variant: config.variant }),
      os: config.os,
      config: config.config,
      diffIds: config.rootfs.diff_ids,
      labels: config.config.Labels ?? {},
      containers: this.#d.containersOf(image.id).length,
      dangling: tagged.length === 0,
      lastTaggedAt:
        tagged
          .map(({ record }) => record.taggedAt)
          .sort()
          .at(-1) ?? '0001-01-01T00:00:00Z',
    };
  }

  async history(ref: string): Promise<ImageHistory[]> {
    const { images } = this.#d;
    const { record } = images.resolve(ref);
    const names = images.namesByImage().get(record.id) ?? [];
    const tags = names.map(({ name }) => parseReference(name)).filter((reference) => reference.tag !== undefined);
    return historyOf(await images.open(record), tags.map(familiarReference));
  }

  attestations(ref: string): ReturnType<ImageEngine['attestations']> {
    return attestationsOf(ref, this.#d);
  }

  pull(
    ref: string,
    options: { platform?: Platform; credentials?: Credentials; onProgress: OnProgress; signal?: AbortSignal },
  ): Promise<string> {
    return this.#d.puller.pull(withDefaultTag(parseReference(ref)), options).then((image) => image.id);
  }

  async push(
    ref: string,
    options: { credentials?: Credentials; onProgress: OnProgress; signal?: AbortSignal },
  ): Promise<void> {
    const reference = parseReference(ref);
    const references =
      reference.tag === undefined && reference.digest === undefined ? this.#tagsOf(reference) : [reference];
    for (const one of references) await this.#d.pusher.push(one, options);
  }

  /** A push without a tag means `latest`; Docker's `--all-tags` sends the bare name. */
  #tagsOf(reference: Reference): Reference[] {
    const prefix = `${repositoryOf(reference)}:`;
    const tags = this.#d.images
      .references()
      .filter(({ name }) => name.startsWith(prefix))
      .map(({ name }) => parseReference(name));
    if (tags.length === 0)
      throw new LadingError(
        'not_found',
        `An image does not exist locally with the tag: ${familiarRepository(reference)}`,
        { hint: 'see lading images' },
      );
    return tags;
  }

  async tag(ref: string, target: string): Promise<void> {
    const { images, events } = this.#d;
    const { record, index } = images.resolve(ref);
    const reference = withDefaultTag(parseReference(target));
    if (reference.digest !== undefined)
      throw new LadingError('invalid_argument', 'refusing to create a tag with a digest reference');
    const others = idsOf(index).filter((id) => id !== record.id);
    images.tag(reference, record.id, index?.descriptor ?? record.manifest, others);
    events.publish('image', 'tag', record.id, { name: familiarReference(reference) });
  }

  async remove(ref: string, options: { force: boolean; noPrune: boolean }): Promise<Removal[]> {
    const { images } = this.#d;
    const { record, reference, index } = images.resolve(ref);
    const names = namesOf(images.namesByImage().get(record.id) ?? [], images, index).map(({ name }) => name);
    if (reference === undefined) return this.#removeById(ref, record.id, names, options.force, index);
    const asked =
      names.find((name) => name === formatReference(reference)) ??
      names.find((name) => matchesDigestName(name, reference));
    const removed: Removal[] = [];
    const tagsLeft = names.filter((name) => name !== asked && parseReference(name).tag !== undefined);
    if (tagsLeft.length === 0) this.#refuseUsed(ref, record.id, options.force, index);
    if (asked !== undefined) removed.push(...this.#untag(record.id, [asked]));
    const orphans = names.filter(
      (name) => name !== asked && parseReference(name).tag === undefined && belongsToNoTag(name, tagsLeft),
    );
    removed.push(...this.#untag(record.id, orphans));
    if (names.length > removed.length) return removed;
    return [...removed, ...(await this.#delete(record.id, index))];
  }

  async #removeById(ref: string, id: Digest, names: string[], force: boolean, index?: IndexRecord): Promise<Removal[]> {
    const references = names.map((name) => parseReference(name));
    const repositories = new Set(references.map(repositoryOf));
    const tags = references.filter((reference) => reference.tag !== undefined);
    // Docker says "repositories" of two tags in one as well.
    if ((repositories.size > 1 || tags.length > 1) && !force)
      throw new LadingError(
        'conflict',
        `conflict: unable to delete ${ref} (must be forced) - image is referenced in multiple repositories`,
      );
    this.#refuseUsed(ref, id, force, index);
    return [...this.#untag(id, names), ...(await this.#delete(id, index))];
  }

  /** Docker's rule: a running container holds its image against everything, a stopped one against all but --force. */
  #refuseUsed(ref: string, id: Digest, force: boolean, index?: IndexRecord): void {
    const users = [...new Set([id, ...idsOf(index)])].flatMap((one) => this.#d.containersOf(one));
    const running = users.find((user) => user.running);
    if (running)
      throw new LadingError(
        'conflict',
        `conflict: unable to delete ${ref} (cannot be forced) - image is being used by running container ${running.id.slice(0, 12)}`,
      );
    if (users[0] && !force)
      throw new LadingError(
        'conflict',
        `conflict: unable to delete ${ref} (must be forced) - image is being used by stopped container ${users[0].id.slice(0, 12)}`,
      );
  }

  #untag(id: Digest, names: readonly string[]): Removal[] {
    const { images, events } = this.#d;
    const beside = names.flatMap((name) => images.reference(parseReference(name))?.others ?? []);
    const removed = names.map((name) => {
      images.untag(name);
      const reference = parseReference(name);
      events.publish('image', 'untag', id, { name: familiarReference(reference) });
      return { Untagged: familiarReference(reference) };
    });
    this.#forgetUnneeded(beside);
    return removed;
  }

  /** Forgets the image, unless a container still stands on it or an index has it; its bytes go with the next collection. */
  async #delete(id: Digest, index?: IndexRecord): Promise<Removal[]> {
    const { images, events, containersOf, collect } = this.#d;
    if (index) {
      images.removeIndex(index.descriptor.digest);
      this.#forgetUnneeded(idsOf(index));
    } else {
      if (containersOf(id).length > 0 || images.members().has(id)) return [];
      images.remove(id);
    }
    const deleted = index?.descriptor.digest ?? id;
    events.publish('image', 'delete', deleted, { name: deleted });
    void collect().catch(() => undefined);
    return [{ Deleted: deleted }];
  }

  /** Images that only stood behind a name or an index for other platforms. */
  #forgetUnneeded(ids: readonly Digest[]): void {
    const { images, containersOf } = this.#d;
    if (ids.length === 0) return;
    const [members, names] = [images.members(), images.namesByImage()];
    for (const id of new Set(ids))
      if (!members.has(id) && !names.has(id) && containersOf(id).length === 0) images.remove(id);
  }

  async prune(filters: Filters): Promise<{ deleted: Removal[]; spaceReclaimed: number }> {
    const danglingOnly = !['0', 'false'].includes(filters['dangling']?.[0] ?? 'true');
    const deleted: Removal[] = [];
    for (const view of await this.list()) {
      if (view.containers > 0 || (danglingOnly && !view.dangling)) continue;
      if (!matchesLabels(view.labels, filters) || !matchesUntil(view.createdAt, filters)) continue;
      const { images } = this.#d;
      const { record, index } = images.resolve(view.id);
      const names = namesOf(images.namesByImage().get(record.id) ?? [], images, index).map(({ name }) => name);
      deleted.push(...this.#untag(record.id, names));
      if (index) {
        images.removeIndex(index.descriptor.digest);
        this.#forgetUnneeded(idsOf(index));
      } else if (!images.members().has(record.id)) images.remove(record.id);
      deleted.push({ Deleted: view.id });
    }
    return { deleted, spaceReclaimed: await this.#d.collect() };
  }

  /** What is streamed is leased until the stream closes. */
  async save(refs: readonly string[]): Promise<Readable> {
    const lease = this.#d.leases.take();
    const release = (): void => void lease[Symbol.asyncDispose]();
    try {
      const images = await this.#imagesToSave(refs, (digest) => lease.addDigest(digest));
      return writeImageArchive(this.#d.content, images).once('close', release);
    } catch (error) {
      release();
      throw error;
    }
  }

  async #imagesToSave(refs: readonly string[], keep: (digest: Digest) => Promise<void>): Promise<ImageToSave[]> {
    const { images, content } = this.#d;
    const byId = new Map<Digest, ImageToSave>();
    for (const ref of refs) {
      for (const { record, reference, index } of this.#expand(ref)) {
        const id = index?.descriptor.digest ?? record.id;
        const known = byId.get(id);
        const references = reference?.tag === undefined ? [] : [reference];
        for (const digest of [id, record.id, record.manifest.digest, ...(index?.also ?? [])]) await keep(digest);
        const records = index ? images.imagesOf(index) : [];
        const members: Image[] = [];
        for (const member of records) members.push(await images.open(member));
        byId.set(id, {
          image: await images.open(record),
          references: [...(known?.references ?? []), ...references],
          ...(index ? { index: { descriptor: index.descriptor, images: members, also: index.also ?? [] } } : {}),
        });
      }
    }
    for (const { image, index } of byId.values())
      for (const one of [image, ...(index?.images ?? [])]) {
        for (const digest of [one.id, one.manifest.digest]) await keep(digest);
        for (const { blob } of one.layers) {
          await keep(blob.digest);
          await content.pathOf(blob.digest);
        }
      }
    return [...byId.values()];
  }

  /** `save alpine` means every tag of alpine, as in Docker; `save alpine:3` one. */
  #expand(ref: string): FoundImage[] {
    const { images } = this.#d;
    const found = images.find(ref);
    const bare = found?.reference !== undefined && !ref.includes('@') && !/:[^/]+$/.test(ref);
    if (!bare) return [images.resolve(ref)];
    const prefix = `${repositoryOf(found.reference!)}:`;
    return images
      .references()
      .filter(({ name }) => name.startsWith(prefix))
      .map(({ name }) => images.resolve(name));
  }

  load(tar: Readable, options: { onProgress: OnProgress; signal?: AbortSignal }): Promise<void> {
    return this.#d.loader.load(tar, options);
  }

  import(tar: Readable, options: ImportOptions): Promise<string> {
    return this.#d.importer.import(tar, options);
  }

  distribution(ref: string, credentials?: Credentials): ReturnType<ImageEngine['distribution']> {
    return this.#d.puller.inspectRemote(withDefaultTag(parseReference(ref)), credentials);
  }

  checkAuth(credentials: Credentials & { serveraddress?: string }): Promise<{ status: string; identityToken: string }> {
    return this.#d.puller.checkAuth(credentials);
  }
}

type NamedRecord = ReturnType<ImageStore['references']>[number];

/** Of an image's names those that mean the index, or without one those that mean the image itself. */
function namesOf(names: readonly NamedRecord[], images: ImageStore, index?: IndexRecord): NamedRecord[] {
  const wanted = index?.descriptor.digest;
  return names.filter(({ record: { target } }) =>
    wanted === undefined ? images.index(target.digest) === undefined : target.digest === wanted,
  );
}

function idsOf(index: IndexRecord | undefined): Digest[] {
  return (index?.images ?? []).map(({ id }) => id);
}

async function openIfWhole(images: ImageStore, record: ImageRecord): Promise<Image | undefined> {
  try {
    return await images.open(record);
  } catch (error) {
    if (isLadingError(error)) return undefined;
    throw error;
  }
}

function matchesDigestName(name: string, reference: Reference): boolean {
  return reference.digest !== undefined && name === `${repositoryOf(reference)}@${reference.digest}`;
}

/** Whether a name@digest has no tag of its repository beside it. */
function belongsToNoTag(name: string, tags: readonly string[]): boolean {
  const repository = repositoryOf(parseReference(name));
  return !tags.some((tag) => repositoryOf(parseReference(tag)) === repository);
}
