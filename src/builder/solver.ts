import { readdir, unlink } from 'node:fs/promises';
import { writeLayerFromUpper } from '../archive/index.ts';
import { SingleFlight, type Limiter } from '../base/index.ts';
import type { ContentStore } from '../content/index.ts';
import { toLadingError } from '../errors/index.ts';
import { descriptorOf, type LayerBlobs } from '../image/index.ts';
import { MEDIA, chainIdOf, type ChainID, type Digest } from '../oci/index.ts';
import type { Mount, Snapshotter } from '../snapshot/index.ts';
import { cacheKeyOf, type BuildCache } from './cache/build-cache.ts';
import type { BuiltLayer, CacheInputs, CacheRecord, StepInputs } from './cache/cache-record.ts';
import { graftLayer, type LinkedOperation } from './link-layer.ts';
import { temporaryKey } from './scratch.ts';
import type { BuildLease } from './types.ts';

/** A step that makes a layer: what it depends on, and how to do it when no build did it before. */
export interface LayerOperation {
  readonly kind: string;
  readonly text: string;
  readonly parent: ChainID | undefined;
  /** Besides kind and parent. */
  readonly inputs: StepInputs;
  readonly files?: CacheInputs['files'];
  /** `--link`: made on nothing, so that it is the same on whatever lies below; see link-layer.ts. */
  readonly link?: LinkedOperation;
  /** Changes the mounted or mountable snapshot. It must be unmounted when this returns. */
  make(snapshot: WritableSnapshot): Promise<void>;
}

export interface WritableSnapshot {
  readonly mount: Mount;
  /** Holds what the step adds. */
  readonly upperDir: string;
}

export interface Solved {
  readonly key: string;
  readonly cached: boolean;
  readonly createdAt: string;
  /** Absent when the step changed nothing. */
  readonly layer: BuiltLayer | undefined;
}

export interface SolveOptions {
  readonly lease: BuildLease;
  readonly noCache: boolean;
  readonly signal?: AbortSignal;
}

export interface SolverDependencies {
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
  readonly layerBlobs: LayerBlobs;
  readonly cache: BuildCache;
  readonly limiter: Limiter;
}

/** Finds a step's result in the cache or has it made; equal steps of builds that run at the same time are done once. */
export class Solver {
  readonly #d: SolverDependencies;
  readonly #running = new SingleFlight<CacheRecord>();

  constructor(dependencies: SolverDependencies) {
    this.#d = dependencies;
  }

  async solve(operation: LayerOperation, options: SolveOptions): Promise<Solved> {
    if (!operation.link) return this.#solve(operation, options);
    const { link, ...plain } = operation;
    const alone = await this.#solve(link.alone, options);
    const layer = await graftLayer(alone.layer, operation.parent, link, { ...this.#d, lease: options.lease });
    return layer === 'different' ? this.#solve(plain, options) : { ...alone, layer };
  }

  async #solve(operation: LayerOperation, options: SolveOptions): Promise<Solved> {
    const { kind, parent, inputs } = operation;
    const key = cacheKeyOf({ version: 1, kind, parent: parent ?? null, ...inputs });
    const found = options.noCache ? undefined : await this.#find(key, options.lease);
    if (found) return { key, cached: true, createdAt: found.createdAt, layer: found.layer };
    const made = await this.#share(key, operation, options);
    await hold(made.layer, options.lease);
    return { key, cached: false, createdAt: made.createdAt, layer: made.layer };
  }

  /** A record whose layer is still there. */
  async #find(key: string, lease: BuildLease): Promise<CacheRecord | undefined> {
    const record = this.#d.cache.find(key);
    if (!record?.layer) return record;
    await hold(record.layer, lease);
    const present =
      (await this.#d.snapshotter.stat(record.layer.chainId)) && (await this.#d.content.info(record.layer.blob.digest));
    return present ? record : undefined;
  }

  /** Another build may be cancelled while it does what this one needs: then this one does it. */
  async #share(key: string, operation: LayerOperation, options: SolveOptions): Promise<CacheRecord> {
    for (;;)
      try {
        options.signal?.throwIfAborted();
        return await this.#running.run(key, () => this.#d.limiter.run(() => this.#make(key, operation, options)));
      } catch (error) {
        if (options.signal?.aborted || toLadingError(error, '').code !== 'cancelled') throw error;
      }
  }

  async #make(key: string, operation: LayerOperation, options: SolveOptions): Promise<CacheRecord> {
    options.signal?.throwIfAborted();
    const { snapshotter, cache } = this.#d;
    const snapshot = temporaryKey();
    let done = false;
    try {
      const mount = await snapshotter.prepare(snapshot, operation.parent);
      const upperDir = await snapshotter.upperDirOf(snapshot);
      await operation.make({ mount, upperDir });
      const layer = await this.#commit(snapshot, upperDir, operation.parent, options);
      done = layer !== undefined;
      const now = new Date().toISOString();
      const { kind, text, parent, inputs, files } = operation;
      const record: CacheRecord = {
        key,
        kind,
        text,
        ...(parent === undefined ? {} : { parent }),
        ...(layer ? { layer } : {}),
        createdAt: now,
        lastUsedAt: now,
        uses: 1,
      };
      cache.put(record, { inputs: { kind, parent: parent ?? null, ...inputs }, ...(files ? { files } : {}) });
      return record;
    } finally {
      if (!done) await snapshotter.remove(snapshot);
    }
  }

  /** Stores the layer and makes its snapshot permanent; undefined when there is nothing in it. */
  async #commit(
    snapshot: string,
    upperDir: string,
    parent: ChainID | undefined,
    { lease, signal }: SolveOptions,
  ): Promise<BuiltLayer | undefined> {
    const { content, snapshotter, layerBlobs } = this.#d;
    if ((await readdir(upperDir)).length === 0) return undefined;
    const path = await content.stagingPath();
    try {
      const { diffId, size, usage } = await writeLayerFromUpper(upperDir, { path }, signal ? { signal } : {});
      const digest = diffId as string as Digest;
      const chainId = chainIdOf(parent, diffId);
      await lease.addDigest(digest);
      await lease.addSnapshot(chainId);
      const blob = descriptorOf(MEDIA.ociLayer, await content.adopt(path, { digest, size }));
      await snapshotter.commit(chainId, snapshot, usage);
      layerBlobs.remember(diffId, blob);
      return { diffId, chainId, blob, sizeBytes: usage.sizeBytes };
    } catch (error) {
      await unlink(path).catch(() => undefined);
      throw error;
    }
  }
}

async function hold(layer: BuiltLayer | undefined, lease: BuildLease): Promise<void> {
  if (!layer) return;
  await lease.addDigest(layer.blob.digest);
  await lease.addSnapshot(layer.chainId);
}
