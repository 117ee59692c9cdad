import { attestAnew, pushAttestations } from '../../builder/index.ts';
import type { ContentStore } from '../../content/index.ts';
import { pushImage, type RegistryClient } from '../../distribution/index.ts';
import { LadingError } from '../../errors/index.ts';
import {
  LayerCompressor,
  descriptorOf,
  putIndex,
  putManifest,
  type Image,
  type ImageLayer,
  type ImageRecord,
  type IndexRecord,
  type ImageStore,
  type LayerBlobs,
  type Referrer,
  type Referrers,
} from '../../image/index.ts';
import {
  MEDIA,
  familiarReference,
  familiarRepository,
  repositoryOf,
  parseManifestDocument,
  parseReference,
  shortId,
  type Descriptor,
  type Digest,
  type Reference,
} from '../../oci/index.ts';
import type { EventBus } from '../events.ts';
import type { Leases } from '../leases.ts';
import type { Credentials, OnProgress } from '../types.ts';

export interface PusherDependencies {
  readonly client: RegistryClient;
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly layerBlobs: LayerBlobs;
  readonly referrers: Referrers;
  readonly events: EventBus;
  readonly leases: Leases;
}

interface PushOptions {
  readonly credentials?: Credentials;
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal;
}

/** BuildKit's note on an attestation's entry: the manifest it is about. */
const REFERENCE_DIGEST = 'vnd.docker.reference.digest';

/** Leases a digest for as long as the push runs. */
type Keep = (digest: Digest) => Promise<void>;

/** `push`: layers are compressed once and remembered; an image that came from a registry goes out byte for byte as it came. */
export class ImagePusher {
  readonly #d: PusherDependencies;
  readonly #compressor: LayerCompressor;

  constructor(dependencies: PusherDependencies) {
    this.#d = dependencies;
    this.#compressor = new LayerCompressor(dependencies.content, dependencies.layerBlobs);
  }

  async push(reference: Reference, options: PushOptions): Promise<void> {
    const { images, events, leases } = this.#d;
    const found = images.find(familiarReference(reference));
    if (!found?.reference)
      throw new LadingError(
        'not_found',
        `An image does not exist locally with the tag: ${familiarRepository(reference)}`,
        { hint: 'see lading images, or name it with lading tag' },
      );
    await using lease = leases.take();
    const keep = (digest: Digest): Promise<void> => lease.addDigest(digest);
    options.onProgress({ status: `The push refers to repository [${repositoryOf(reference)}]` });
    const { record, index } = found;
    const pushed = index
      ? await this.#pushIndex(reference, index, keep, options)
      : await this.#pushImage(reference, record, keep, options);
    const { digest, size } = pushed;
    const others = index?.images.map(({ id }) => id).filter((id) => id !== record.id);
    const byDigest = { domain: reference.domain, path: reference.path, digest };
    images.tag(byDigest, record.id, index?.descriptor ?? pushed, others);
    events.publish('image', 'push', familiarReference(reference), { name: familiarRepository(reference) });
    options.onProgress({ status: `${reference.tag ?? 'latest'}: digest: ${digest} size: ${size}` });
    options.onProgress({ aux: { Tag: reference.tag ?? 'latest', Digest: digest, Size: size } });
  }

  /** One platform's image under a reference. Returns the manifest that went out. */
  async #pushImage(reference: Reference, record: ImageRecord, keep: Keep, options: PushOptions): Promise<Descriptor> {
    const { images } = this.#d;
    await keep(record.manifest.digest);
    await keep(record.id);
    const image = await images.open(record);
    for (const layer of image.layers) await keep(layer.blob.digest);
    const announce = ({ diffId, blob }: ImageLayer): void =>
      options.onProgress({
        id: shortId(diffId),
        status: 'Compressing',
        progressDetail: { current: 0, total: blob.size },
      });
    const blobs: Descriptor[] = [];
    for (const layer of image.layers)
      blobs.push(
        await this.#compressor.in(layer, { compression: 'gzip' }, { keep, onStart: announce, signal: options.signal }),
      );
    const manifest = await this.#manifestFor(image, blobs, keep);
    const config = await this.#configOf(image);
    await this.#send(reference, manifest, [config, ...blobs], this.#repositoriesOf(reference, image), options);
    await this.#sendAttestations(reference, image, manifest, keep, options);
    return manifest;
  }

  /** All platforms' images under their digests, then the index. When layers were compressed for the way, it is an index of what went out. */
  async #pushIndex(reference: Reference, index: IndexRecord, keep: Keep, options: PushOptions): Promise<Descriptor> {
    const { images, content } = this.#d;
    const { domain, path } = reference;
    await keep(index.descriptor.digest);
    const sent = new Map<Digest, Descriptor>();
    for (const record of images.imagesOf(index)) {
      // Its digest is known only when its layers are compressed; the pusher of one image takes the reference it is told.
      const manifest = await this.#pushImage({ domain, path }, record, keep, options);
      sent.set(record.manifest.digest, manifest);
    }
    const { mediaType, digest } = index.descriptor;
    const document = parseManifestDocument(await content.read(digest), mediaType);
    if (document.kind !== 'index') throw new LadingError('data_loss', `push: ${digest} is not an index`);
    const { manifests, annotations } = document.index;
    const entries: Descriptor[] = [];
    for (const entry of manifests) {
      const image = sent.get(entry.digest);
      entries.push(image ? { ...entry, ...image } : await this.#sendBeside(reference, entry, sent, keep, options));
    }
    const same = entries.every((entry, i) => entry.digest === manifests[i]?.digest);
    const dockerTypes = mediaType === MEDIA.dockerList;
    const out = same ? index.descriptor : await putIndex(content, entries, keep, { annotations, dockerTypes });
    await this.#send(reference, out, [], [], options);
    return out;
  }

  /** A manifest of an index that is no image: it goes out as it is, and keeps saying what it is about. */
  async #sendBeside(
    { domain, path }: Reference,
    entry: Descriptor,
    sent: ReadonlyMap<Digest, Descriptor>,
    keep: Keep,
    options: PushOptions,
  ): Promise<Descriptor> {
    const { content } = this.#d;
    await keep(entry.digest);
    const document = parseManifestDocument(await content.read(entry.digest), entry.mediaType);
    const blobs = document.kind === 'manifest' ? [document.manifest.config, ...document.manifest.layers] : [];
    for (const { digest } of blobs) await keep(digest);
    await this.#send({ domain, path }, entry, blobs, [], options);
    const about = sent.get(entry.annotations?.[REFERENCE_DIGEST] as Digest);
    return about ? { ...entry, annotations: { ...entry.annotations, [REFERENCE_DIGEST]: about.digest } } : entry;
  }

  /** A document and its blobs; without a tag it goes under its digest. */
  async #send(
    reference: Reference,
    document: Descriptor,
    blobs: readonly Descriptor[],
    mountFrom: readonly string[],
    options: PushOptions,
  ): Promise<void> {
    const { client, content } = this.#d;
    const { tag, digest } = reference;
    const named = tag === undefined && digest === undefined ? { ...reference, digest: document.digest } : reference;
    await pushImage(client, named, {
      manifestBytes: await content.read(document.digest),
      mediaType: document.mediaType,
      blobs: blobs.map((descriptor) => ({
        descriptor,
        mountFrom,
        open: (start = 0) => content.open(descriptor.digest, { start }),
      })),
      onProgress: ({ id, status, current, total }) =>
        options.onProgress({
          id,
          status,
          progressDetail: current === undefined ? {} : { current, ...(total === undefined ? {} : { total }) },
        }),
      ...(options.credentials ? { auth: options.credentials } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  async #sendAttestations(
    reference: Reference,
    image: Image,
    manifest: Descriptor,
    keep: Keep,
    { credentials: auth, signal, onProgress }: PushOptions,
  ): Promise<void> {
    const { client, content } = this.#d;
    const attached = await this.#attestationsFor(image, manifest, keep);
    const call = { ...(auth ? { auth } : {}), ...(signal ? { signal } : {}) };
    await pushAttestations(attached, reference, manifest.digest, { content, registries: client, call });
    for (const { manifest: artifact } of attached)
      onProgress({ id: shortId(artifact.digest), status: 'Pushed attestation' });
  }

  /** The stored manifest when its layers go out as they are, else one that lists what goes out. */
  async #manifestFor(image: Image, blobs: readonly Descriptor[], keep: Keep): Promise<Descriptor> {
    if (image.layers.every((layer, i) => layer.blob.digest === blobs[i]?.digest)) return image.manifest;
    const { content } = this.#d;
    const { mediaType, digest } = image.manifest;
    const stored = parseManifestDocument(await content.read(digest), mediaType);
    const annotations = stored.kind === 'manifest' ? stored.manifest.annotations : undefined;
    return putManifest(content, await this.#configOf(image), blobs, keep, { annotations });
  }

  /** Attestations name the manifest they are about: one that is made for the push gets its own. */
  async #attestationsFor(image: Image, pushed: Descriptor, keep: Keep): Promise<readonly Referrer[]> {
    const { content, referrers } = this.#d;
    const own = referrers.of(image.manifest.digest);
    for (const { manifest, blobs } of own) for (const { digest } of [manifest, ...blobs]) await keep(digest);
    if (pushed.digest === image.manifest.digest || own.length === 0) return own;
    const anew = await attestAnew(content, own, pushed, keep);
    referrers.add(pushed.digest, anew);
    return anew;
  }

  async #configOf(image: Image): Promise<Descriptor> {
    const info = await this.#d.content.info(image.id);
    if (!info) throw new LadingError('data_loss', `push: the config ${image.id} is missing from the store`);
    return descriptorOf(MEDIA.ociConfig, info);
  }

  /** Other repositories of the same registry that hold this image: their blobs can be mounted instead of sent. */
  #repositoriesOf(reference: Reference, image: Image): string[] {
    const names = this.#d.images.namesByImage().get(image.id) ?? [];
    const paths = names
      .map(({ name }) => parseReference(name))
      .filter(
        (other) => other.domain === reference.domain && other.path !== reference.path && other.digest !== undefined,
      );
    return [...new Set(paths.map((other) => other.path))];
  }
}
