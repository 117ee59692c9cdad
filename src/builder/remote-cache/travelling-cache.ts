import type { DiffID } from '../../oci/index.ts';
import { messageOf, toLadingError } from '../../errors/index.ts';
import type { BuiltPlatform } from '../export/export-build.ts';
import { imageIdentity } from '../export/image-config.ts';
import type { Progress } from '../progress.ts';
import { credentialsFor } from '../registry-credentials.ts';
import type { BuildCache } from '../cache/build-cache.ts';
import type { BuildLease, BuildRequest, BuilderDependencies } from '../types.ts';
import { cacheOptionsOf, type CacheOptions, type CacheTarget } from './cache-options.ts';
import { exportCache, inlineDocument, type CacheableBuild } from './export-cache.ts';
import { ImportedCache } from './imported-cache.ts';
import { openCaches } from './open-caches.ts';

export interface TravelContext {
  readonly dependencies: BuilderDependencies;
  readonly request: BuildRequest;
  readonly cache: BuildCache;
  readonly lease: BuildLease;
  readonly signal: AbortSignal;
}

/** The caches a build reads from elsewhere and writes elsewhere. */
export class TravellingCache {
  readonly imported: ImportedCache;
  readonly #options: CacheOptions;
  readonly #context: TravelContext;

  private constructor(options: CacheOptions, imported: ImportedCache, context: TravelContext) {
    this.#options = options;
    this.imported = imported;
    this.#context = context;
  }

  /** Reads the documents of all caches; a cache that cannot be read is a warning. @throws invalid_argument, not_implemented for options that cannot be */
  static async open(context: TravelContext, progress: Progress): Promise<TravellingCache> {
    const { dependencies, request, signal } = context;
    const options = cacheOptionsOf(request);
    const { content, images, registries } = dependencies;
    const caches = await openCaches(options.from, {
      content,
      images,
      registries,
      credentialsFor: (reference) => credentialsFor(reference, request.credentials ?? {}),
      onWarning: (message) => progress.warn(message),
      signal,
    });
    return new TravellingCache(options, new ImportedCache(caches, { ...dependencies, ...context }), context);
  }

  /** Brings all layers of the results, and says when images without layers of their own were made first. */
  async settle<Built extends BuiltPlatform>(all: readonly Built[]): Promise<Built[]> {
    if (isCacheOnly(this.#context.request)) return [...all];
    const settled: Built[] = [];
    for (const built of all) {
      const stage = {
        ...built.stage,
        layers: await this.imported.settle(built.stage.layers, { plain: all.length > 1 }),
      };
      const identity = imageIdentity(stage, this.#context.request.labels);
      const madeAt = this.imported.imageTime(identity);
      if (madeAt !== undefined) this.#context.cache.firstBuiltAt(identity, madeAt);
      const one = { ...built, stage };
      settled.push(
        this.#options.inline ? { ...one, inlineCache: inlineDocument(this.#cacheable([one]), this.#parts()) } : one,
      );
    }
    return settled;
  }

  /** Writes the caches, one after the other. @throws the first failure of one without `ignore-error` */
  async write(built: readonly BuiltPlatform[], progress: Progress): Promise<void> {
    for (const target of this.#options.to) {
      const step = progress.extra(`exporting cache to ${target.kind} ${target.name}`);
      try {
        await this.#writeOne(target, built, progress, (id, status, current, total) =>
          step.progress(id, status, current, total),
        );
        step.end('done');
      } catch (error) {
        step.end('failed');
        if (this.#context.signal.aborted) throw error;
        if (!target.ignoreError) throw toLadingError(error, `export cache to ${target.kind} ${target.name}`);
        progress.warn(`cache was not exported to ${target.name}: ${messageOf(error)}`);
      }
    }
  }

  #writeOne(
    target: CacheTarget,
    built: readonly BuiltPlatform[],
    progress: Progress,
    onProgress: (id: string, status: string, current?: number, total?: number) => void,
  ): Promise<void> {
    const { dependencies, request, lease, signal } = this.#context;
    const { content, layerBlobs, registries } = dependencies;
    return exportCache(target, this.#cacheable(built), {
      ...this.#parts(),
      content,
      layerBlobs,
      registries,
      lease,
      signal,
      credentialsFor: (reference) => credentialsFor(reference, request.credentials ?? {}),
      onProgress,
      onWarning: (message) => progress.warn(message),
    });
  }

  #parts(): { cache: BuildCache; imported: ImportedCache } {
    return { cache: this.#context.cache, imported: this.imported };
  }

  #cacheable(all: readonly BuiltPlatform[]): CacheableBuild {
    const { request, cache } = this.#context;
    const times = all.flatMap(({ stage }): [string, string][] => {
      const identity = imageIdentity(stage, request.labels);
      const time = cache.imageTime(identity);
      return time === undefined ? [] : [[identity, time]];
    });
    return {
      steps: new Set(all.flatMap(({ steps }) => steps)),
      selections: uniqueByKey(all.flatMap(({ selections }) => selections)),
      imageLayers: new Set(all.flatMap(({ stage }) => stage.layers.map(({ diffId }): DiffID => diffId))),
      images: Object.fromEntries(times),
    };
  }
}

/** Nothing is made of the layers. */
function isCacheOnly({ outputs = [] }: BuildRequest): boolean {
  return outputs.length > 0 && outputs.every(({ type }) => type === 'cacheonly');
}

function uniqueByKey<T extends { readonly key: string }>(all: readonly T[]): T[] {
  return [...new Map(all.map((one) => [one.key, one])).values()];
}
