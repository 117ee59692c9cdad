import { availableParallelism } from 'node:os';
import { Limiter } from '../base/index.ts';
import { Referrers } from '../image/index.ts';
import { BuildCache } from './cache/build-cache.ts';
import { Downloads } from './copy/downloads.ts';
import { BuildMemory } from './explain/build-memory.ts';
import { BuildRuns } from './explain/build-runs.ts';
import { ExportStreams } from './export/export-streams.ts';
import { SquashedLayers } from './export/squashed-layers.ts';
import { GitRepositories } from './git/repositories.ts';
import { CacheMounts } from './run/cache-mounts.ts';
import { FailedSteps } from './run/failed-steps.ts';
import { Scratch } from './scratch.ts';
import { Solver } from './solver.ts';
import { ContextDigests } from './tree/context-digests.ts';
import type { BuilderDependencies } from './types.ts';

/** What all builds of one engine share. */
export interface BuildTools {
  readonly dependencies: BuilderDependencies;
  readonly cache: BuildCache;
  readonly referrers: Referrers;
  readonly solver: Solver;
  readonly scratch: Scratch;
  readonly cacheMounts: CacheMounts;
  readonly downloads: Downloads;
  readonly repositories: GitRepositories;
  readonly failedSteps: FailedSteps;
  readonly exports: ExportStreams;
  readonly squashed: SquashedLayers;
  readonly digests: ContextDigests;
  readonly memory: BuildMemory;
  readonly runs: BuildRuns;
}

/** Steps wait for networks and disks as often as for processors. */
const MIN_STEPS_AT_ONCE = 4;

export function makeBuildTools(dependencies: BuilderDependencies): BuildTools {
  const { metadata, scratchDir, mounter, snapshotter } = dependencies;
  const cache = new BuildCache(metadata);
  const limiter = new Limiter(Math.max(MIN_STEPS_AT_ONCE, 2 * availableParallelism()));
  const scratch = new Scratch(scratchDir, mounter, snapshotter, dependencies.isolated);
  return {
    dependencies,
    cache,
    referrers: new Referrers(metadata),
    solver: new Solver({ ...dependencies, cache, limiter }),
    scratch,
    cacheMounts: new CacheMounts(scratch.cacheMountsFolder, metadata),
    downloads: new Downloads(metadata, { certificates: dependencies.certificates }),
    repositories: new GitRepositories(scratch.gitFolder),
    failedSteps: new FailedSteps(),
    exports: new ExportStreams(),
    squashed: new SquashedLayers(metadata),
    digests: new ContextDigests(scratch.digestsFolder),
    memory: new BuildMemory(metadata, scratchDir),
    runs: new BuildRuns(metadata),
  };
}
