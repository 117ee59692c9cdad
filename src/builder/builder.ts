import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { Limiter, settleAll } from '../base/index.ts';
import { DockerfileError, parseDockerfile, type Dockerfile } from '../dockerfile/index.ts';
import { LadingError, toLadingError } from '../errors/index.ts';
import { Referrers } from '../image/index.ts';
import {
  formatPlatform,
  hostPlatform,
  parseReference,
  withDefaultTag,
  type Digest,
  type Platform,
  type Reference,
} from '../oci/index.ts';
import { answerCall } from './answer-call.ts';
import { checkAttestations } from './attest/attestor.ts';
import { withSnippet } from './build-error.ts';
import { BuildCache } from './cache/build-cache.ts';
import { CacheKeeper } from './cache/cache-keeper.ts';
import type { CacheRow } from './cache/cache-rows.ts';
import { hasLimits, type PruneBill, type PruneOptions } from './cache/prune-cache.ts';
import { BuildChecks } from './checks.ts';
import { openContext, type BuildContext } from './context/build-context.ts';
import { NamedContexts } from './context/named-contexts.ts';
import { Downloads } from './copy/downloads.ts';
import { gitContextMaterial } from './copy/git-sources.ts';
import { BuildExplainer, warnOfFilter } from './explain/build-explainer.ts';
import { BuildMemory } from './explain/build-memory.ts';
import { BuildRuns, type BuildRun } from './explain/build-runs.ts';
import { checkOutputs, exportBuild, type BuiltPlatform } from './export/export-build.ts';
import { ExportStreams } from './export/export-streams.ts';
import { SquashedLayers } from './export/squashed-layers.ts';
import { BuildArgs } from './plan/build-args.ts';
import { formatEpoch, settleEpoch } from './plan/epoch.ts';
import { StageGraph } from './plan/stage-graph.ts';
import { GitRepositories } from './git/repositories.ts';
import { sharedBases } from './platform/shared-bases.ts';
import { Progress } from './progress.ts';
import { CacheMounts } from './run/cache-mounts.ts';
import { checkEntitlementNames, checkStages } from './run/entitlements.ts';
import { FailedSteps } from './run/failed-steps.ts';
import { checkLimits } from './run/limits.ts';
import { LazySnapshotter } from './remote-cache/lazy-snapshotter.ts';
import { TravellingCache } from './remote-cache/travelling-cache.ts';
import { Scratch } from './scratch.ts';
import { BuildSession } from './session.ts';
import { Solver } from './solver.ts';
import { buildStage } from './stage-builder.ts';
import type { StageResult } from './stage-result.ts';
import { FileDigests } from './tree/file-digests.ts';
import type { BuildEvent, BuildLease, BuildRequest, BuildResult, BuilderDependencies, Drained } from './types.ts';

export interface BuildOptions {
  readonly onEvent: (event: BuildEvent) => void;
  readonly signal?: AbortSignal;
  /** Asked after each piece of output: the step that printed it waits for the promise. Undefined when the reader keeps up. */
  readonly drained?: Drained;
  /** Sees what was built before it is exported. */
  readonly inspect?: (built: readonly BuiltPlatform[]) => Promise<void>;
}

const MAX_CONTEXTS = 8;
/** Steps wait for networks and disks as often as for processors. */
const MIN_STEPS_AT_ONCE = 4;

/** Builds images from Dockerfiles. Steps done before, by whichever build, are not done again. */
export class Builder {
  readonly #d: BuilderDependencies;
  readonly #cache: BuildCache;
  readonly #referrers: Referrers;
  readonly #solver: Solver;
  readonly #scratch: Scratch;
  readonly #cacheMounts: CacheMounts;
  readonly #keeper: CacheKeeper;
  readonly #downloads: Downloads;
  readonly #repositories: GitRepositories;
  /** Of `--on-error shell`: failed steps that wait for somebody to open a shell in them. */
  readonly failedSteps = new FailedSteps();
  readonly #exports = new ExportStreams();
  readonly #squashed: SquashedLayers;
  readonly #digests = new Map<string, FileDigests>();
  readonly #memory: BuildMemory;
  readonly #runs: BuildRuns;

  constructor(dependencies: BuilderDependencies) {
    const { metadata, scratchDir, mounter, snapshotter } = dependencies;
    this.#d = dependencies;
    this.#cache = new BuildCache(metadata);
    this.#squashed = new SquashedLayers(metadata);
    this.#referrers = new Referrers(metadata);
    const limiter = new Limiter(Math.max(MIN_STEPS_AT_ONCE, 2 * availableParallelism()));
    this.#solver = new Solver({ ...dependencies, cache: this.#cache, limiter });
    this.#scratch = new Scratch(scratchDir, mounter, snapshotter, dependencies.isolated);
    this.#cacheMounts = new CacheMounts(this.#scratch.cacheMountsFolder, metadata);
    this.#keeper = new CacheKeeper({
      ...dependencies,
      cache: this.#cache,
      mounts: this.#cacheMounts,
      folder: dirname(scratchDir),
    });
    this.#downloads = new Downloads(metadata, { certificates: dependencies.certificates });
    this.#repositories = new GitRepositories(this.#scratch.gitFolder);
    this.#memory = new BuildMemory(metadata, scratchDir);
    this.#runs = new BuildRuns(metadata);
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
      await this.#scratch.ready();
      await using lease = this.#d.lease();
      await using context = await openContext(request, {
        scratch: this.#scratch,
        repositories: this.#repositories,
        downloads: this.#downloads,
        signal: whole,
      });
      const startedAt = new Date().toISOString();
      return await this.#build(request, { names, lease, context, startedAt, onEvent, drained, inspect, signal: whole });
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
    return this.#exports.take(id);
  }

  /** What the garbage collector must keep for the cache. */
  cacheRoots(): { digests: Set<Digest>; snapshots: Set<string> } {
    return this.#cache.roots((diffId) => this.#d.layerBlobs.remembered(diffId));
  }

  /** Folders of `RUN --mount=type=cache`, after what a crash left of them is cleared away. */
  async cacheMounts(): Promise<CacheMounts> {
    await this.#scratch.ready();
    return this.#cacheMounts;
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
      await this.#repositories.prune();
      this.#squashed.clear();
    }
    return bill;
  }

  /**
   * The last build of a name, a tag or an image ID (or its beginning); without one, of all: its steps and why they were not cached.
   * @throws not_found
   */
  why(build?: string): BuildRun {
    return this.#runs.find(build);
  }

  async #build(request: BuildRequest, run: Run): Promise<BuildResult> {
    const { context, onEvent } = run;
    if (request.call !== undefined && request.call !== 'build') {
      const { call } = request;
      onEvent({
        kind: 'call',
        call,
        ...(await answerCall(call, {
          request,
          context,
          sources: { ...this.#d, credentials: request.credentials ?? {}, signal: run.signal },
        })),
      });
      return { tags: [], metadata: {} };
    }
    const dockerfile = parseDockerfile(context.dockerfile.text, {
      filename: context.dockerfile.filename,
      frontend: request.buildArgs['BUILDKIT_SYNTAX'],
    });
    const progress = new Progress(onEvent);
    warnOfFilter(request, dockerfile, progress);
    const travel = await TravellingCache.open({ ...run, dependencies: this.#d, request, cache: this.#cache }, progress);
    const digests = context.folder === undefined ? undefined : await this.#digestsOf(context.folder);
    const contexts = new NamedContexts(request.contexts);
    const fixed = { ...run, request, dockerfile, progress, contexts, digests, travel };
    for (;;) {
      const explainer = new BuildExplainer({
        request,
        dockerfile,
        memory: this.#memory,
        runs: this.#runs,
        cache: this.#cache,
        imported: travel.imported,
        log: this.#d.log,
      });
      try {
        const resolveBase = sharedBases(this.#d.resolveBase);
        return await this.#attempt({ ...fixed, explainer, resolveBase, abort: new AbortController() });
      } catch (error) {
        const lost = travel.imported.recover();
        if (lost === undefined || run.signal.aborted) {
          await explainer.end();
          throw error;
        }
        progress.warn(`${lost}; the build begins again without it`);
      }
    }
  }

  async #attempt(parts: Parts): Promise<BuildResult> {
    const { request, names, lease, onEvent, progress, travel, abort } = parts;
    const signal = AbortSignal.any([parts.signal, abort.signal]);
    const wanted = request.platforms ?? [];
    const all = { ...parts, signal };
    const made = await settleAll(
      wanted.length === 0
        ? [this.#buildPlatform(hostPlatform(), undefined, all)]
        : wanted.map((platform) => this.#buildPlatform(platform, platform, all)),
    );
    const built = await travel.settle(made);
    const unused = unusedArgs(built.map(({ args }) => args));
    if (unused.length > 0) progress.warn(`One or more build-args [${unused.join(' ')}] were not consumed`);
    const cache = this.#cache;
    await parts.inspect?.(built);
    const { git, folder, dockerfile } = parts.context;
    const source = {
      startedAt: parts.startedAt,
      dockerfile,
      ...(git ? { git: gitContextMaterial(git) } : folder === undefined ? {} : { folder }),
    };
    const result = await exportBuild(built, {
      referrers: this.#referrers,
      source,
      dependencies: this.#d,
      request,
      names,
      cache,
      lease,
      progress,
      scratch: this.#scratch,
      streams: this.#exports,
      squashed: this.#squashed,
      onEvent,
      signal,
    });
    await travel.write(built, progress);
    await parts.explainer.end(result);
    return result;
  }

  /** @param requested the platform, when the user named one: then base images have to be for it */
  async #buildPlatform(platform: Platform, requested: Platform | undefined, parts: Parts): Promise<Built> {
    const { request, dockerfile, context, progress } = parts;
    const targetStage = request.target;
    const args = new BuildArgs(request.buildArgs, dockerfile, { build: hostPlatform(), target: platform, targetStage });
    const epoch = await settleEpoch(args, async () => this.#commitTime(request, context));
    const graph = new StageGraph(dockerfile, args.global, parts.contexts);
    const target = graph.target(request.target);
    const needed = graph.needed(target);
    checkStages(needed, dockerfile, request);
    const several = (request.platforms ?? []).length > 1;
    await using session = new BuildSession({
      ...this.#d,
      resolveBase: parts.resolveBase,
      request,
      dockerfile,
      context,
      digests: parts.digests,
      args,
      graph,
      platform,
      epoch,
      requestedPlatform: requested,
      progress: progress.reserve(needed, several ? formatPlatform(platform) : undefined),
      lease: parts.lease,
      signal: parts.signal,
      solver: this.#solver,
      cache: this.#cache,
      cacheMounts: this.#cacheMounts,
      failedSteps: this.failedSteps,
      drained: parts.drained,
      explainer: parts.explainer,
      scratch: this.#scratch,
      repositories: this.#repositories,
      downloads: this.#downloads,
      digestsOf: (folder) => this.#digestsOf(folder),
      imported: parts.travel.imported,
      snapshotter: new LazySnapshotter(this.#d.snapshotter, parts.travel.imported),
      buildStage: (stage, current) => buildStage(stage, current, this.#downloads),
    });
    const checks =
      several && requested !== request.platforms?.[0] ? undefined : new BuildChecks(session, needed, progress);
    await checks?.before();
    const results = await this.#runStages(needed, session, parts.abort).finally(() => checks?.after());
    this.#cache.touch(session.usedKeys);
    const stage = results[needed.indexOf(target)]!;
    return {
      platform,
      stage,
      epoch: epoch === undefined ? undefined : formatEpoch(epoch),
      materials: session.materials.list(),
      steps: [...session.usedKeys],
      selections: [...session.usedSelections.values()],
      origins: session.origins,
      args,
    };
  }

  /** Of a Git context. */
  async #commitTime({ secrets, ssh }: BuildRequest, { git }: BuildContext): Promise<number | undefined> {
    return git && this.#repositories.commitTime(git, { secrets, sshAgent: ssh?.['default'] });
  }

  /** All stages at once; each waits for those it needs. The first failure ends the others before it is reported. */
  async #runStages(
    stages: Dockerfile['stages'],
    session: BuildSession,
    abort: AbortController,
  ): Promise<StageResult[]> {
    try {
      return await Promise.all(stages.map((stage) => session.stage(stage)));
    } catch (error) {
      abort.abort(error);
      await session.settled();
      throw error;
    } finally {
      await session.o.digests?.save().catch(() => undefined);
    }
  }

  async #digestsOf(folder: string): Promise<FileDigests> {
    const known = this.#digests.get(folder);
    if (known) return known;
    const digests = await FileDigests.open(this.#scratch.digestsFolder, folder);
    const oldest = this.#digests.keys().next().value;
    if (this.#digests.size >= MAX_CONTEXTS && oldest !== undefined) this.#digests.delete(oldest);
    this.#digests.set(folder, digests);
    return digests;
  }
}

interface Built extends BuiltPlatform {
  readonly args: BuildArgs;
}

/** Arguments that no platform's stages declared. */
function unusedArgs(all: readonly BuildArgs[]): string[] {
  const [first, ...rest] = all.map((args) => args.unused());
  return (first ?? []).filter((name) => rest.every((unused) => unused.includes(name)));
}

interface Parts extends Run {
  readonly request: BuildRequest;
  readonly dockerfile: Dockerfile;
  readonly progress: Progress;
  readonly contexts: NamedContexts;
  readonly digests: FileDigests | undefined;
  readonly travel: TravellingCache;
  readonly abort: AbortController;
  readonly explainer: BuildExplainer;
  readonly resolveBase: BuilderDependencies['resolveBase'];
}

interface Run {
  readonly names: readonly Reference[];
  readonly lease: BuildLease;
  readonly context: BuildContext;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly onEvent: (event: BuildEvent) => void;
  readonly drained: Drained | undefined;
  readonly inspect: BuildOptions['inspect'];
  readonly signal: AbortSignal;
}
