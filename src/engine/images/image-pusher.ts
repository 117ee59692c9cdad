import { attestAnew, pushAttestations } from '../../builder/index.ts';
import type { ContentStore } from '../../content/index.ts';
import { pushImage, type RegistryClient } from '../../distribution/index.ts';
import { LadingError } from '../../errors/index.ts';
import {
  LayerCompressor,
  descriptorOf,
  putManifest,
  type Image,
  type ImageLayer,
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

  async push(
    reference: Reference,
    options: { credentials?: Credentials; onProgress: OnProgress; signal?: AbortSignal },
  ): Promise<void> {
    const { client, content, images, events, leases } = this.#d;
    const found = images.find(familiarReference(reference));
    if (!found?.reference)
      throw new LadingError(
        'not_found',
        `An image does not exist locally with the tag: ${familiarRepository(reference)}`,
        { hint: 'see lading images, or name it with lading tag' },
      );
    await using lease = leases.take();
    const keep = (digest: Digest): Promise<void> => lease.addDigest(digest);
    await keep(found.record.manifest.digest);
    await keep(found.record.id);
    const image = await images.open(found.record);
    for (const layer of image.layers) await keep(layer.blob.digest);
    options.onProgress({ status: `The push refers to repository [${repositoryOf(reference)}]` });
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
    const config: Descriptor = await this.#configOf(image);
    const mountFrom = this.#repositoriesOf(reference, image);
    const pushed = await pushImage(client, reference, {
      manifestBytes: await content.read(manifest.digest),
      mediaType: manifest.mediaType,
      blobs: [config, ...blobs].map((descriptor) => ({
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
    images.tag({ domain: reference.domain, path: reference.path, digest: pushed.digest }, image.id, manifest);
    const attached = await this.#attestationsFor(image, manifest, keep);
    const { auth, signal } = { auth: options.credentials, signal: options.signal };
    const call = { ...(auth ? { auth } : {}), ...(signal ? { signal } : {}) };
    await pushAttestations(attached, reference, manifest.digest, { content, registries: client, call });
    for (const { manifest: artifact } of attached)
      options.onProgress({ id: shortId(artifact.digest), status: 'Pushed attestation' });
    events.publish('image', 'push', familiarReference(reference), { name: familiarRepository(reference) });
    options.onProgress({ status: `${reference.tag ?? 'latest'}: digest: ${pushed.digest} size: ${pushed.size}` });
    options.onProgress({ aux: { Tag: reference.tag ?? 'latest', Digest: pushed.digest, Size: pushed.size } });
  }

  /** The stored manifest when its layers go out as they are, else one that lists what goes out. */
  async #manifestFor(image: Image, blobs: readonly Descriptor[], keep: Keep): Promise<Descriptor> {
    if (image.layers.every((layer, i) => layer.blob.digest === blobs[i]?.digest)) return image.manifest;
    return putManifest(this.#d.content, await this.#configOf(image), blobs, keep);
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
