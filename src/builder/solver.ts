import { existsSync } from 'node:fs';
import { readdir, unlink } from 'node:fs/promises';
import { writeLayerFromUpper, type TimesFound } from '../archive/index.ts';
import { SingleFlight, untilAborted, type Limiter } from '../base/index.ts';
import type { ContentStore } from '../content/index.ts';
import { descriptorOf, type LayerBlobs } from '../image/index.ts';
import { MEDIA, chainIdOf, type ChainID, type Digest } from '../oci/index.ts';
import type { Mount, Snapshotter } from '../snapshot/index.ts';
import type { BuildCache } from './cache/build-cache.ts';
import type { BuiltLayer, CacheRecord, StepInputs } from './cache/cache-record.ts';
import { holdsForEpoch, stepKeys, type StepKeys } from './cache/epoch-keys.ts';
import { LazySnapshotter } from './remote-cache/lazy-snapshotter.ts';
import type { ImportedCache } from './remote-cache/imported-cache.ts';
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
  /** Not part of the key: for telling why it differs from an earlier one. */
  readonly notes?: StepInputs;
  /** With an epoch, what it copies gets exactly that time. */
  readonly isDated?: boolean;
  /** `--link`: made on nothing, so that it is the same on whatever lies below; see link-layer.ts. */
  readonly link?: LinkedOperation;
  /** After `make`: what it read was not any more what the key says. Then the result serves this build and is not remembered. */
  readonly isUnsettled?: () => boolean;
  /** Waits until nothing else has what this step needs for itself (locked cache mounts), before it takes a place among those that run. */
  readonly alone?: <T>(work: () => Promise<T>) => Promise<T>;
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
  /** The key as it is without an epoch. */
  readonly plainKey: string;
  readonly cached: boolean;
  readonly createdAt: string;
  /** Absent when the step changed nothing. */
  readonly layer: BuiltLayer | undefined;
}

export interface SolveOptions {
  readonly lease: BuildLease;
  readonly noCache: boolean;
  /** SOURCE_DATE_EPOCH, seconds. */
  readonly epoch?: number | undefined;
  /** What `--cache-from` knows, asked after the machine's own cache. */
  readonly imported?: ImportedCache;
  /** Hears of what is not in the cache before it is made. */
  readonly onMiss?: (miss: Miss) => Promise<void>;
  /** What of the inputs may be kept. */
  readonly kept?: (inputs: StepInputs) => StepInputs;
  readonly signal?: AbortSignal;
}

/** An operation whose result is not in the cache. */
export interface Miss {
  /** Without an epoch. */
  readonly key: string;
  readonly operation: LayerOperation;
  readonly reason: 'absent' | 'no-cache' | 'layer-gone';
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
    // Only a layer that could not be grafted was made in place.
    const keys = keysOf(plain, options);
    const inPlace = options.noCache ? undefined : await this.#lookUp(keys, plain, options);
    if (inPlace) return toSolved(inPlace, keys, true);
    const alone = await this.#solve(link.alone, options);
    const snapshotter = options.imported
      ? new LazySnapshotter(this.#d.snapshotter, options.imported)
      : this.#d.snapshotter;
    const layer = await graftLayer(alone.layer, operation.parent, link, { snapshotter, lease: options.lease });
    return layer === 'different' ? this.#solve(plain, options) : { ...alone, layer };
  }

  async #solve(operation: LayerOperation, options: SolveOptions): Promise<Solved> {
    const keys = keysOf(operation, options);
    const found = options.noCache ? undefined : await this.#lookUp(keys, operation, options);
    if (found) return toSolved(found, keys, true);
    await options.onMiss?.({ key: keys.plain, operation, reason: this.#reason(keys, options) });
    await options.imported?.files(operation.parent);
    const made = await this.#share(keys, operation, options);
    await hold(made.layer, options.lease);
    return toSolved(made, keys, false);
  }

  #reason({ own }: StepKeys, { noCache }: SolveOptions): Miss['reason'] {
    if (noCache) return 'no-cache';
    return this.#d.cache.find(own) ? 'layer-gone' : 'absent';
  }

  async #lookUp(
    keys: StepKeys,
    { isDated = false }: LayerOperation,
    options: SolveOptions,
  ): Promise<CacheRecord | undefined> {
    const { epoch } = options;
    const own = await this.#find(keys.own, options);
    if (own || epoch === undefined) return own;
    const plain = await this.#find(keys.plain, options);
    return plain && holdsForEpoch({ ...plain, isDated }, epoch) ? plain : undefined;
  }

  /** A record whose layer is still there, or that a cache elsewhere has. */
  async #find(key: string, { lease, imported }: SolveOptions): Promise<CacheRecord | undefined> {
    const record = this.#d.cache.find(key);
    if (record && (!record.layer || (await this.#isHere(record.layer, lease)))) return record;
    const travelled = imported?.find(key);
    await hold(travelled?.layer, lease);
    return travelled;
  }

  async #isHere(layer: BuiltLayer, lease: BuildLease): Promise<boolean> {
    await hold(layer, lease);
    const { snapshotter } = this.#d;
    if (!(await snapshotter.stat(layer.chainId)) || !existsSync(await snapshotter.upperDirOf(layer.chainId)))
      return false;
    return (await this.#d.content.info(layer.blob.digest))?.size === layer.blob.size;
  }

  /** What another build does and does not bring to its end (it is cancelled, or fails for a reason of its own), this one does itself. */
  async #share(keys: StepKeys, operation: LayerOperation, options: SolveOptions): Promise<CacheRecord> {
    for (;;) {
      let isOwn = false;
      const make = (): Promise<CacheRecord> => {
        isOwn = true;
        const run = (): Promise<CacheRecord> =>
          this.#d.limiter.run(
            () => this.#make(keys, operation, options),
            options.signal ? { signal: options.signal } : {},
          );
        return operation.alone ? operation.alone(run) : run();
      };
      try {
        options.signal?.throwIfAborted();
        const made = this.#running.run(keys.own, make);
        // What another build does is not waited for when this one is cancelled.
        return await (isOwn ? made : untilAborted(made, options.signal));
      } catch (error) {
        if (isOwn || options.signal?.aborted) throw error;
      }
    }
  }

  async #make(keys: StepKeys, operation: LayerOperation, options: SolveOptions): Promise<CacheRecord> {
    options.signal?.throwIfAborted();
    const { snapshotter, cache } = this.#d;
    const snapshot = temporaryKey();
    let done = false;
    try {
      const since = Date.now();
      const mount = await snapshotter.prepare(snapshot, operation.parent);
      const upperDir = await snapshotter.upperDirOf(snapshot);
      await operation.make({ mount, upperDir });
      const { layer, times } = await this.#commit({ snapshot, upperDir, since }, operation.parent, options);
      done = layer !== undefined;
      const now = new Date().toISOString();
      const { kind, text, parent, isDated = false } = operation;
      const isSameAlways = options.epoch === undefined || holdsForEpoch({ layer, times, isDated }, options.epoch);
      const record: CacheRecord = {
        key: isSameAlways ? keys.plain : keys.own,
        kind,
        text,
        ...(parent === undefined ? {} : { parent }),
        ...(layer ? { layer } : {}),
        ...(times ? { times } : {}),
        createdAt: now,
        durationMs: Date.now() - since,
        lastUsedAt: now,
        uses: 0,
      };
      const { version: _version, epoch: _epoch, ...inputs } = keys.inputs;
      const { epoch } = options;
      const known = isSameAlways || epoch === undefined ? inputs : { ...inputs, epoch };
      if (!operation.isUnsettled?.()) cache.put(record, { inputs: options.kept?.(known) ?? known });
      return record;
    } finally {
      if (!done) await snapshotter.remove(snapshot);
    }
  }

  /** Stores the layer and makes its snapshot permanent; undefined when there is nothing in it. */
  async #commit(
    { snapshot, upperDir, since }: { readonly snapshot: string; readonly upperDir: string; readonly since: number },
    parent: ChainID | undefined,
    { lease, signal, epoch }: SolveOptions,
  ): Promise<{ layer?: BuiltLayer; times?: TimesFound }> {
    const { content, snapshotter, layerBlobs } = this.#d;
    if ((await readdir(upperDir)).length === 0) return {};
    const path = await content.stagingPath();
    try {
      const dated = epoch === undefined ? {} : { epoch };
      const options = { since, ...dated, ...(signal ? { signal } : {}) };
      const { diffId, size, usage, times } = await writeLayerFromUpper(upperDir, { path }, options);
      const digest = diffId as string as Digest;
      const chainId = chainIdOf(parent, diffId);
      await lease.addDigest(digest);
      await lease.addSnapshot(chainId);
      const blob = descriptorOf(MEDIA.ociLayer, await content.adopt(path, { digest, size }));
      await snapshotter.commit(chainId, snapshot, usage);
      layerBlobs.remember(diffId, blob);
      return { layer: { diffId, chainId, blob, sizeBytes: usage.sizeBytes }, times };
    } catch (error) {
      await unlink(path).catch(() => undefined);
      throw error;
    }
  }
}

function keysOf({ kind, parent, inputs }: LayerOperation, { epoch }: SolveOptions): StepKeys {
  return stepKeys({ version: 1, kind, parent: parent ?? null, ...inputs }, epoch);
}

function toSolved({ key, createdAt, layer }: CacheRecord, { plain }: StepKeys, cached: boolean): Solved {
  return { key, plainKey: plain, cached, createdAt, layer };
}

async function hold(layer: BuiltLayer | undefined, lease: BuildLease): Promise<void> {
  if (!layer) return;
  await lease.addDigest(layer.blob.digest);
  await lease.addSnapshot(layer.chainId);
}
