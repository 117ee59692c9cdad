import type { Builder } from '../builder/index.ts';
import type { Log } from '../base/index.ts';
import type { ContentStore } from '../content/index.ts';
import { LadingError, messageOf, isLadingError } from '../errors/index.ts';
import { collectGarbage } from '../gc/index.ts';
import type { Image, ImageRecord, ImageStore, LayerBlobs, Referrers, Unpacker } from '../image/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import { initLayerOf } from './containers/init-layer.ts';
import type { ContainerTable } from './containers/container-table.ts';
import type { Leases } from './leases.ts';

export interface CollectorDependencies {
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
  readonly images: ImageStore;
  readonly layerBlobs: LayerBlobs;
  readonly referrers: Referrers;
  readonly unpacker: Unpacker;
  readonly table: ContainerTable;
  readonly builder: Builder;
  readonly leases: Leases;
  readonly log: Log;
}

/** Names what is in use (images, containers, build cache) and has the rest deleted. One collection at a time; asked again meanwhile, one more follows. */
export class Collector {
  readonly #d: CollectorDependencies;
  #running: Promise<number> | undefined;
  #next: Promise<number> | undefined;

  constructor(dependencies: CollectorDependencies) {
    this.#d = dependencies;
  }

  /**
   * Bytes freed. An image that cannot be opened does not say what it needs, so while there is one nothing is deleted at all:
   * a warning names it, and removing the image makes collections work again.
   */
  collect(): Promise<number> {
    if (!this.#running) {
      this.#running = this.#collect().finally(() => (this.#running = undefined));
      return this.#running;
    }
    this.#next ??= this.#running
      .catch(() => 0)
      .then(() => {
        this.#next = undefined;
        return this.collect();
      });
    return this.#next;
  }

  /** Waits until nothing is being collected. */
  async idle(): Promise<void> {
    while (this.#running ?? this.#next) await (this.#next ?? this.#running)?.catch(() => undefined);
  }

  async #collect(): Promise<number> {
    const { content, snapshotter, unpacker, leases, log } = this.#d;
    try {
      const result = await collectGarbage({ content, snapshotter, leases, roots: () => this.#roots() });
      await unpacker.sweep();
      return result.freedBytes;
    } catch (error) {
      log.warn('garbage collection failed', { error: messageOf(error) });
      if (isLadingError(error, 'data_loss')) return 0;
      throw error;
    }
  }

  async #roots(): Promise<{ digests: Set<Digest>; snapshots: Set<string> }> {
    const { digests, snapshots } = await this.kept();
    const cache = this.#d.builder.cacheRoots();
    for (const digest of cache.digests) digests.add(digest);
    for (const name of cache.snapshots) snapshots.add(name);
    return { digests, snapshots };
  }

  /** What images and containers need. @throws data_loss when an image is damaged */
  async kept(): Promise<{ digests: Set<Digest>; snapshots: Set<string> }> {
    const { images, layerBlobs, referrers, table } = this.#d;
    const digests = new Set<Digest>();
    const snapshots = new Set<string>();
    for (const { record } of images.references()) digests.add(record.target.digest);
    for (const index of images.indexes()) {
      digests.add(index.descriptor.digest);
      for (const { manifest } of index.images) digests.add(manifest.digest);
      for (const digest of index.also ?? []) digests.add(digest);
    }
    for (const record of images.records()) {
      const image = await openForMark(images, record);
      digests.add(image.id).add(image.manifest.digest);
      snapshots.add(initLayerOf(image.layers.at(-1)?.chainId));
      for (const layer of image.layers) {
        digests.add(layer.blob.digest);
        snapshots.add(layer.chainId);
        for (const blob of layerBlobs.remembered(layer.diffId)) digests.add(blob.digest);
      }
    }
    // What refers to a manifest lives as long as an image or a name leads to it.
    for (const digest of referrers.keep(digests)) digests.add(digest);
    for (const { parent } of table.all()) {
      snapshots.add(initLayerOf(parent));
      // The init layer may be missing; it does not stand for what is below it then.
      if (parent !== undefined) snapshots.add(parent);
    }
    return { digests, snapshots };
  }
}

/** @throws data_loss when the image is damaged */
async function openForMark(images: ImageStore, record: ImageRecord): Promise<Image> {
  try {
    return await images.open(record);
  } catch (error) {
    throw new LadingError(
      'data_loss',
      `image "${record.id}" cannot be opened (lading rmi --force removes it): ${messageOf(error)}`,
      { cause: error },
    );
  }
}
