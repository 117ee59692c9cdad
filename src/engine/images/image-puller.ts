import type { ContentStore } from '../../content/index.ts';
import { SingleFlight } from '../../base/index.ts';
import { pullImage, type RegistryClient, type RegistryCredentials } from '../../distribution/index.ts';
import {
  pairLayers,
  type Image,
  type ImageRecord,
  type ImageStore,
  type LayerBlobs,
  type Unpacker,
} from '../../image/index.ts';
import {
  familiarReference,
  familiarRepository,
  formatReference,
  parseJson,
  parseManifestDocument,
  shortId,
  type ChainID,
  type Descriptor,
  type Digest,
  type Platform,
  type Reference,
} from '../../oci/index.ts';
import type { EventBus } from '../events.ts';
import type { Leases } from '../leases.ts';
import type { Credentials, ImageEngine, OnProgress } from '../types.ts';

export interface PullerDependencies {
  readonly client: RegistryClient;
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly layerBlobs: LayerBlobs;
  readonly unpacker: Unpacker;
  readonly events: EventBus;
  readonly leases: Leases;
  readonly collect: () => Promise<number>;
}

export interface PullOptions {
  readonly platform?: Platform;
  /** A base of a build for another platform: names keep meaning what they mean on this machine. */
  readonly beside?: boolean;
  readonly credentials?: Credentials;
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal;
}

/** `pull`: blobs from a registry, unpacked, and only then named. The same pull asked for twice at once is done once. */
export class ImagePuller {
  readonly #d: PullerDependencies;
  readonly #running = new SingleFlight<Image>();

  constructor(dependencies: PullerDependencies) {
    this.#d = dependencies;
  }

  async pull(reference: Reference, options: PullOptions): Promise<Image> {
    const platform = options.platform
      ? `${options.platform.os}/${options.platform.architecture}/${options.platform.variant ?? ''}`
      : '';
    const user = options.credentials?.username ?? '';
    options.onProgress({ status: `Pulling from ${reference.path}`, id: reference.tag ?? reference.digest ?? '' });
    // A shared pull belongs to nobody's connection: it is shared only between callers that cannot cancel it under one another.
    const key = options.signal ? crypto.randomUUID() : [formatReference(reference), platform, user].join(' ');
    return this.#running.run(key, () => this.#pull(reference, options));
  }

  async #pull(reference: Reference, options: PullOptions): Promise<Image> {
    const { client, content, images, leases, events, collect } = this.#d;
    const { onProgress } = options;
    try {
      await using lease = leases.take();
      const before = images.reference(reference)?.target.digest;
      const pulled = await pullImage(client, reference, {
        store: content,
        has: async (digest) => {
          await lease.addDigest(digest);
          return (await content.info(digest)) !== undefined;
        },
        onManifest: (target, manifest, descriptor) => {
          for (const { digest } of [target, descriptor, manifest.config, ...manifest.layers])
            void lease.addDigest(digest).catch(() => undefined);
        },
        onProgress: ({ id, status, current, total }) =>
          onProgress({
            id,
            status,
            progressDetail: current === undefined ? {} : { current, ...(total === undefined ? {} : { total }) },
          }),
        ...(options.platform ? { platform: options.platform } : {}),
        ...(options.credentials ? { auth: options.credentials } : {}),
        ...(options.signal ? { signal: options.signal } : {}),
      });
      const layers = pairLayers(pulled.imageConfig, pulled.layers);
      const layerSizes = await this.#unpack(layers, lease, options);
      const record: ImageRecord = {
        id: pulled.config.digest,
        manifest: pulled.manifest,
        storedAt: new Date().toISOString(),
        sizeBytes: layerSizes.reduce((a, b) => a + b, 0),
        layerSizes,
      };
      const { target } = pulled;
      const byDigest: Reference = { domain: reference.domain, path: reference.path, digest: target.digest };
      const names = [byDigest, ...(reference.tag === undefined || reference.digest !== undefined ? [] : [reference])];
      if (options.beside === true) this.#putBeside(record, byDigest, names, target);
      else {
        const others = this.#othersUnder(names, target, record.id);
        images.put(
          record,
          names.map((name) => ({ reference: name, target, others })),
        );
      }
      events.publish('image', 'pull', familiarReference(reference), { name: familiarRepository(reference) });
      onProgress({ status: `Digest: ${target.digest}` });
      const news = before === target.digest ? 'Image is up to date for' : 'Downloaded newer image for';
      onProgress({ status: `Status: ${news} ${familiarReference(reference)}` });
      return await images.open(record);
    } catch (error) {
      await collect().catch(() => 0);
      throw error;
    }
  }

  /** Adds an image for another platform to names that are there; a tag that is not there stays free for this machine's image. */
  #putBeside(record: ImageRecord, byDigest: Reference, names: readonly Reference[], target: Descriptor): void {
    const { images } = this.#d;
    const known = names.flatMap((reference) => {
      const name = images.reference(reference);
      return name ? [{ reference, name }] : [];
    });
    const isNew = images.reference(byDigest) === undefined;
    images.put(record, isNew ? [{ reference: byDigest, target }] : []);
    for (const { reference, name } of known)
      if (name.imageId !== record.id)
        images.tag(reference, name.imageId, name.target, [...new Set([...(name.others ?? []), record.id])]);
  }

  /** Images of the same index that are here for other platforms. */
  #othersUnder(names: readonly Reference[], target: Descriptor, id: Digest): Digest[] {
    const known = names.map((name) => this.#d.images.reference(name));
    const same = known.flatMap((name) => (name?.target.digest === target.digest ? [name] : []));
    const ids = same.flatMap(({ imageId, others = [] }) => [imageId, ...others]);
    return [...new Set(ids)].filter((other) => other !== id);
  }

  async #unpack(
    layers: Image['layers'],
    lease: { addSnapshot(name: string): Promise<void> },
    options: PullOptions,
  ): Promise<number[]> {
    const { unpacker, layerBlobs } = this.#d;
    const sizes: number[] = [];
    let parent: ChainID | undefined;
    for (const layer of layers) {
      await lease.addSnapshot(layer.chainId);
      options.onProgress({
        id: shortId(layer.blob.digest),
        status: 'Extracting',
        progressDetail: { current: 0, total: layer.blob.size },
      });
      parent = await unpacker.unpack(
        parent,
        layer.diffId,
        layer.blob,
        options.signal ? { signal: options.signal } : {},
      );
      layerBlobs.remember(layer.diffId, layer.blob);
      sizes.push(await unpacker.sizeOf(parent));
      options.onProgress({ id: shortId(layer.blob.digest), status: 'Pull complete', progressDetail: {} });
    }
    return sizes;
  }

  /** What a registry has under a reference, without pulling it. */
  async inspectRemote(reference: Reference, credentials?: Credentials): ReturnType<ImageEngine['distribution']> {
    const { client } = this.#d;
    const auth = credentials ? { auth: credentials } : {};
    const { descriptor, bytes, mediaType } = await client.resolve(reference, auth);
    const document = parseManifestDocument(bytes, mediaType);
    const platforms =
      document.kind === 'index'
        ? document.index.manifests.flatMap((entry) => (entry.platform ? [entry.platform] : []))
        : await this.#platformOf(reference, document.manifest.config, auth);
    return {
      descriptor: { mediaType, digest: descriptor.digest, size: descriptor.size },
      platforms,
      raw: bytes.toString('utf8'),
    };
  }

  async #platformOf(
    reference: Reference,
    config: Parameters<RegistryClient['fetchBlob']>[1],
    auth: { auth?: RegistryCredentials },
  ): Promise<Platform[]> {
    const value = parseJson(await this.#d.client.fetchBlob(reference, config, auth), 'image config');
    // Not every config is an image's: an artifact has what it likes.
    const { os, architecture, variant } = (value ?? {}) as Partial<Record<keyof Platform, unknown>>;
    return [
      { os: textOf(os), architecture: textOf(architecture), ...(textOf(variant) ? { variant: textOf(variant) } : {}) },
    ];
  }

  async checkAuth(
    credentials: Credentials & { serveraddress?: string },
  ): Promise<{ status: string; identityToken: string }> {
    const { serveraddress = '', ...auth } = credentials;
    const host = serveraddress.replace(/^https?:\/\//, '').split('/')[0] ?? '';
    const domain = host === '' || host === 'index.docker.io' ? 'docker.io' : host;
    const result = await this.#d.client.login(domain, auth, {});
    return { status: result.status, identityToken: result.identityToken ?? '' };
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
