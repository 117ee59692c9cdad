import { Limiter } from '../base/index.ts';
import type { ContentIngester } from '../content/index.ts';
import { LadingError, toLadingError } from '../errors/index.ts';
import {
  familiarReference,
  hostPlatform,
  parseManifestDocument,
  shortId,
  type Descriptor,
  type Digest,
  type ImageConfig,
  type ImageManifest,
  type Platform,
  type Reference,
} from '../oci/index.ts';
import { choosePlatform } from './choose-platform.ts';
import { assertImage, checkConfig } from './image-manifest.ts';
import type { ResolvedManifest } from './manifests.ts';
import { throttled, type OnBlobProgress } from './progress.ts';
import type { RegistryClient } from './registry-client.ts';
import type { CallOptions } from './session.ts';

export interface PullImageOptions extends CallOptions {
  readonly store: ContentIngester;
  /** Take this platform and fail when there is none. Default: this machine's, and whatever a single manifest is for. */
  readonly platform?: Platform;
  /** Whether the store has a blob; such blobs are not fetched. */
  readonly has?: (digest: Digest) => Promise<boolean>;
  readonly onProgress?: OnBlobProgress;
  /** A layer is in the store; called once per place it has in the manifest, in any order, while others are still being fetched. */
  readonly onLayerReady?: (layer: Descriptor, index: number) => void;
  /** The manifest is chosen; nothing is in the store yet, so that a lease taken here covers all that comes. */
  readonly onManifest?: (target: Descriptor, manifest: ImageManifest, manifestDescriptor: Descriptor) => void;
  /** Blobs at once; default the client's. */
  readonly concurrency?: number;
}

export interface PulledImage {
  /** What the reference names: an index or a manifest. */
  readonly target: Descriptor;
  readonly manifest: Descriptor;
  readonly manifestBytes: Buffer;
  readonly config: Descriptor;
  readonly imageConfig: ImageConfig;
  readonly layers: readonly Descriptor[];
}

const MAX_INDEX_DEPTH = 4;

/**
 * Brings an image into a store: index, manifest, config and layers, each verified; unpacking is the caller's.
 * Fails as a whole when one blob fails; what has been committed stays (a later pull does not fetch it again).
 * @throws not_found, unauthenticated, unavailable, data_loss, invalid_argument for what is no image
 */
export async function pullImage(
  client: RegistryClient,
  reference: Reference,
  options: PullImageOptions,
): Promise<PulledImage> {
  const { target, chosen, manifest, documents } = await chooseManifest(client, reference, options);
  assertImage(manifest, reference);
  options.onManifest?.(target, manifest, chosen.descriptor);
  for (const { bytes, descriptor } of documents)
    await options.store.put(bytes, { digest: descriptor.digest, size: descriptor.size });
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const limiter = new Limiter(options.concurrency ?? client.maxConcurrentDownloads);
  const pull = new ImagePull(client, reference, { ...options, signal }, limiter);
  const work = [
    limiter.run(() => pull.config(manifest)),
    ...blobsOf(manifest.layers).map(({ layer, indexes }) => pull.layer(layer, indexes)),
  ] as const;
  try {
    const [imageConfig] = await Promise.all(work);
    const { descriptor, bytes } = chosen;
    const { config, layers } = manifest;
    return { target, manifest: descriptor, manifestBytes: bytes, config, imageConfig, layers };
  } catch (error) {
    stop.abort(error);
    // Nothing may still be writing to the store when the caller hears of the failure.
    await Promise.allSettled(work);
    throw toLadingError(error, `pull ${familiarReference(reference)}`);
  }
}

/** Follows indexes down to the manifest for the platform; `documents` are all that were read on the way. */
async function chooseManifest(
  client: RegistryClient,
  reference: Reference,
  options: PullImageOptions,
): Promise<{
  target: Descriptor;
  chosen: ResolvedManifest;
  manifest: ImageManifest;
  documents: readonly ResolvedManifest[];
}> {
  let resolved = await client.resolve(reference, options);
  const target = resolved.descriptor;
  const documents: ResolvedManifest[] = [];
  for (let depth = 0; depth < MAX_INDEX_DEPTH; depth++) {
    documents.push(resolved);
    const document = parseManifestDocument(resolved.bytes, resolved.mediaType);
    if (document.kind === 'manifest') return { target, chosen: resolved, manifest: document.manifest, documents };
    const entry = choosePlatform(document.index, options.platform ?? hostPlatform());
    resolved = await client.fetchManifest(reference, entry.digest, options);
  }
  throw new LadingError(
    'invalid_argument',
    `pull ${familiarReference(reference)}: more than ${MAX_INDEX_DEPTH} indexes inside each other`,
  );
}

/** An image may use one layer at several places; it is fetched once. */
function blobsOf(layers: readonly Descriptor[]): { layer: Descriptor; indexes: number[] }[] {
  const blobs = new Map<Digest, { layer: Descriptor; indexes: number[] }>();
  for (const [index, layer] of layers.entries()) {
    const blob = blobs.get(layer.digest);
    if (blob) blob.indexes.push(index);
    else blobs.set(layer.digest, { layer, indexes: [index] });
  }
  return [...blobs.values()];
}

class ImagePull {
  readonly #client: RegistryClient;
  readonly #reference: Reference;
  readonly #options: PullImageOptions;
  readonly #limiter: Limiter;

  constructor(client: RegistryClient, reference: Reference, options: PullImageOptions, limiter: Limiter) {
    this.#client = client;
    this.#reference = reference;
    this.#options = options;
    this.#limiter = limiter;
  }

  async config(manifest: ImageManifest): Promise<ImageConfig> {
    const { store, platform } = this.#options;
    const bytes = await this.#client.fetchBlob(this.#reference, manifest.config, this.#options);
    const config = checkConfig(bytes, manifest, this.#reference, platform);
    await store.put(bytes, { digest: manifest.config.digest, size: manifest.config.size });
    return config;
  }

  async layer(layer: Descriptor, indexes: readonly number[]): Promise<void> {
    const { has, onLayerReady, onProgress, signal } = this.#options;
    const id = shortId(layer.digest);
    if (await has?.(layer.digest)) onProgress?.({ id, status: 'Already exists' });
    else {
      onProgress?.({ id, status: 'Pulling fs layer' });
      await this.#limiter.run(() => {
        signal?.throwIfAborted();
        return this.#fetch(id, layer);
      });
      onProgress?.({ id, status: 'Download complete' });
    }
    for (const index of indexes) onLayerReady?.(layer, index);
  }

  async #fetch(id: string, layer: Descriptor): Promise<void> {
    const { store, has, auth, signal, onProgress } = this.#options;
    const total = layer.size;
    await this.#client.pullBlob(this.#reference, layer, store, {
      auth,
      signal,
      ...(has ? { has } : {}),
      onProgress: throttled(total, (current) => onProgress?.({ id, status: 'Downloading', current, total })),
      onVerifying: () => onProgress?.({ id, status: 'Verifying Checksum' }),
    });
  }
}
