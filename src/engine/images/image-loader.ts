import type { Readable } from 'node:stream';
import type { ContentStore } from '../../content/index.ts';
import { LadingError } from '../../errors/index.ts';
import {
  pairLayers,
  readImageArchive,
  type ImageRecord,
  type ImageStore,
  type LoadedImage,
  type Unpacker,
} from '../../image/index.ts';
import { familiarReference, shortId, type Digest } from '../../oci/index.ts';
import type { EventBus } from '../events.ts';
import type { Leases } from '../leases.ts';
import type { OnProgress } from '../types.ts';

export interface LoaderDependencies {
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly unpacker: Unpacker;
  readonly events: EventBus;
  readonly leases: Leases;
  /** Called when something failed, to take back what was stored. */
  readonly collect: () => Promise<number>;
}

/** `load`: an archive's images stored, unpacked, and only then named. */
export class ImageLoader {
  readonly #d: LoaderDependencies;

  constructor(dependencies: LoaderDependencies) {
    this.#d = dependencies;
  }

  async load(tar: Readable, options: { onProgress: OnProgress; signal?: AbortSignal }): Promise<void> {
    const { content, leases, collect } = this.#d;
    try {
      await using lease = leases.take();
      const keep = (digest: Digest): Promise<void> => lease.addDigest(digest);
      const loaded = await readImageArchive(tar, content, {
        keep,
        ...(options.signal ? { signal: options.signal } : {}),
      });
      for (const image of loaded) await this.#store(image, lease, options);
    } catch (error) {
      await collect().catch(() => 0);
      throw error;
    } finally {
      tar.destroy();
    }
  }

  async #store(
    loaded: LoadedImage,
    lease: { addSnapshot(name: string): Promise<void> },
    options: { onProgress: OnProgress; signal?: AbortSignal },
  ): Promise<void> {
    const { images, events } = this.#d;
    const { id, names, index } = loaded;
    if (index) {
      const members: ImageRecord[] = [];
      for (const member of index.members) members.push(await this.#unpack(member, lease, options));
      images.putIndex({ descriptor: index.descriptor, images: members, primary: id, also: index.also }, names);
    } else images.put(await this.#unpack(loaded, lease, options), names);
    const shown = index?.descriptor.digest ?? id;
    events.publish('image', 'load', shown, { name: shown });
    if (names.length === 0) options.onProgress({ stream: `Loaded image ID: ${shown}\n` });
    for (const { reference } of names)
      options.onProgress({ stream: `Loaded image: ${familiarReference(reference)}\n` });
  }

  async #unpack(
    loaded: LoadedImage,
    lease: { addSnapshot(name: string): Promise<void> },
    options: { onProgress: OnProgress; signal?: AbortSignal },
  ): Promise<ImageRecord> {
    const { unpacker } = this.#d;
    const layers = pairLayers(loaded.config, loaded.layers);
    const layerSizes: number[] = [];
    let parent: (typeof layers)[number]['chainId'] | undefined;
    for (const layer of layers) {
      await lease.addSnapshot(layer.chainId);
      options.onProgress({
        status: 'Loading layer',
        id: shortId(layer.diffId),
        progressDetail: { current: 0, total: layer.blob.size },
      });
      parent = await unpacker.unpack(
        parent,
        layer.diffId,
        layer.blob,
        options.signal ? { signal: options.signal } : {},
      );
      if (parent !== layer.chainId)
        throw new LadingError('internal', `load image: unpacked ${parent} instead of ${layer.chainId}`);
      layerSizes.push(await unpacker.sizeOf(parent));
      options.onProgress({
        status: 'Loading layer',
        id: shortId(layer.diffId),
        progressDetail: { current: layer.blob.size, total: layer.blob.size },
      });
    }
    const { id, manifest } = loaded;
    const sizeBytes = layerSizes.reduce((a, b) => a + b, 0);
    return { id, manifest, storedAt: new Date().toISOString(), sizeBytes, layerSizes };
  }
}
