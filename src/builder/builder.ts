import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { DockerfileError } from '../dockerfile/index.ts';
import { LadingError, toLadingError } from '../errors/index.ts';
import { type Digest, parseReference, withDefaultTag } from '../oci/index.ts';
import { checkAttestations } from './attest/attestor.ts';
import { withSnippet } from './build-error.ts';
import { type BuildTools, makeBuildTools } from './build-tools.ts';
import { CacheKeeper } from './cache/cache-keeper.ts';
import type { CacheRow } from './cache/cache-rows.ts';
import { hasLimits, type PruneBill, type PruneOptions } from './cache/prune-cache.ts';
import { openContext } from './context/build-context.ts';
import type { BuildRun } from './explain/build-runs.ts';
import { type BuiltPlatform, checkOutputs } from './export/export-build.ts';
import { runBuild } from './run-build.ts';
import { CacheMounts } from './run/cache-mounts.ts';
import { checkEntitlementNames } from './run/entitlements.ts';
import { FailedSteps } from './run/failed-steps.ts';
import { checkLimits } from './run/limits.ts';
import type { BuilderDependencies, BuildEvent, BuildRequest, BuildResult, Drained } from './types.ts';

export interface BuildOptions {
  readonly onEvent: (event: BuildEvent) => void;
  readonly signal?: AbortSignal;
  /** Asked after each piece of output: the step that printed it waits for the promise. Undefined when the reader keeps up. */
  readonly drained?: Drained;
  /** Sees what was built before it is exported. */
  readonly inspect?: (built: readonly BuiltPlatform[]) => Promise<void>;
}

/** Builds images from Dockerfiles. Steps done before, by whichever build, are not done again. */
export class Builder {
  readonly #tools: BuildTools;
  readonly #keeper: CacheKeeper;

  constructor(dependencies: BuilderDependencies) {
    this.#tools = makeBuildTools(dependencies);
    const { cache, cacheMounts } = this.#tools;
    const folder = dirname(dependencies.scratchDir);
    this.#keeper = new CacheKeeper({ ...dependencies, cache, mounts: cacheMounts, folder });
  }

  /** Of `--on-error shell`: failed steps that wait for somebody to open a shell in them. */
  get failedSteps(): FailedSteps {
    return this.#tools.failedSteps;
  }

  /**
   * Builds a Dockerfile's target stage, for each platform, and exports it: by default the image is stored and named. What a failed or cancelled build made and did not finish is removed,
   * finished steps stay in the cache.
   * @throws invalid_argument with the failing lines of the Dockerfile; cancelled
   */
  async build(request: BuildRequest, { onEvent, signal, drained, inspect }: BuildOptions): Promise<BuildResult> {
    const whole = signal ?? new AbortController().signal;
    try {
      checkEntitlementNames(request);
      checkLimits(request);
      checkAttestations(request);
      const names = request.tags.map((tag) => withDefaultTag(parseReference(tag)));
      checkOutputs(request, names);
      const { scratch, repositories, downloads, dependencies } = this.#tools;
      await scratch.ready();
      await using lease = dependencies.lease();
      await using context = await openContext(request, {
        scratch,
        repositories,
        downloads,
        signal: whole,
      });
      const startedAt = new Date().toISOString();
      const run = { names, lease, context, startedAt, onEvent, drained, inspect, signal: whole };
      return await runBuild(request, run, this.#tools);
    } catch (error) {
      if (signal?.aborted) throw new LadingError('cancelled', 'build: cancelled', { cause: error });
      if (error instanceof DockerfileError) throw withSnippet(error);
      throw toLadingError(error, 'build');
    } finally {
      if (request.context.kind === 'tar') request.context.stream.destroy();
    }
  }

  /** The stream that an 'export' event announced; it is given once. @throws not_found */
  openExport(id: string): Promise<Readable> {
    return this.#tools.exports.take(id);
  }

  /** What the garbage collector must keep for the cache. */
  cacheRoots(): { digests: Set<Digest>; snapshots: Set<string> } {
    return this.#tools.cache.roots((diffId) => this.#tools.dependencies.layerBlobs.remembered(diffId));
  }

  /** Folders of `RUN --mount=type=cache`, after what a crash left of them is cleared away. */
  async cacheMounts(): Promise<CacheMounts> {
    await this.#tools.scratch.ready();
    return this.#tools.cacheMounts;
  }

  /** What the cache holds; `totalBytes` would be free without it. */
  cacheUsage(): Promise<{ rows: CacheRow[]; totalBytes: number }> {
    return this.#keeper.usage();
  }

  /**
   * Forgets cache records and removes cache mounts, those unused the longest first; see {@link PruneOptions}.
   * The layers themselves are the garbage collector's.
   * @throws invalid_argument for a filter that is not known
   */
  async prune(options: PruneOptions): Promise<PruneBill> {
    const bill = await this.#keeper.prune(options);
    if (options.all && !options.dryRun && Object.keys(options.filters).length === 0 && !hasLimits(options)) {
      await this.#tools.repositories.prune();
      this.#tools.squashed.clear();
    }
    return bill;
  }

  /**
   * The last build of a name, a tag or an image ID (or its beginning); without one, of all: its steps and why they were not cached.
   * @throws not_found
   */
  why(build?: string): BuildRun {
    return this.#tools.runs.find(build);
  }
}
