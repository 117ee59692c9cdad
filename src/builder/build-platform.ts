import type { Dockerfile } from '../dockerfile/index.ts';
import { formatPlatform, hostPlatform, type Platform } from '../oci/index.ts';
import type { Parts } from './build-parts.ts';
import type { BuildTools } from './build-tools.ts';
import { BuildChecks } from './checks.ts';
import type { BuildContext } from './context/build-context.ts';
import type { BuiltPlatform } from './export/export-build.ts';
import { GitRepositories } from './git/repositories.ts';
import { BuildArgs } from './plan/build-args.ts';
import { formatEpoch, settleEpoch } from './plan/epoch.ts';
import { StageGraph } from './plan/stage-graph.ts';
import { LazySnapshotter } from './remote-cache/lazy-snapshotter.ts';
import { checkStages } from './run/entitlements.ts';
import { BuildSession } from './session.ts';
import { buildStage } from './stage-builder.ts';
import type { StageResult } from './stage-result.ts';
import type { BuildRequest } from './types.ts';

/** What one platform made, with the arguments it was given. */
export interface Built extends BuiltPlatform {
  readonly args: BuildArgs;
}

/**
 * Builds the target stage, and what it needs, for one platform.
 * @param requested the platform, when the user named one: then base images have to be for it
 */
export async function buildPlatform(
  platform: Platform,
  requested: Platform | undefined,
  parts: Parts,
  tools: BuildTools,
): Promise<Built> {
  const { request, dockerfile, context, progress } = parts;
  const targetStage = request.target;
  const args = new BuildArgs(request.buildArgs, dockerfile, { build: hostPlatform(), target: platform, targetStage });
  const epoch = await settleEpoch(args, async () => commitTime(request, context, tools.repositories));
  const graph = new StageGraph(dockerfile, args.global, parts.contexts);
  const target = graph.target(request.target);
  const needed = graph.needed(target);
  checkStages(needed, dockerfile, request);
  const several = (request.platforms ?? []).length > 1;
  await using session = new BuildSession({
    ...tools.dependencies,
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
    solver: tools.solver,
    cache: tools.cache,
    cacheMounts: tools.cacheMounts,
    failedSteps: tools.failedSteps,
    drained: parts.drained,
    explainer: parts.explainer,
    scratch: tools.scratch,
    repositories: tools.repositories,
    downloads: tools.downloads,
    digestsOf: (folder) => tools.digests.of(folder),
    imported: parts.travel.imported,
    snapshotter: new LazySnapshotter(tools.dependencies.snapshotter, parts.travel.imported),
    buildStage: (stage, current) => buildStage(stage, current, tools.downloads),
  });
  const checks =
    several && requested !== request.platforms?.[0] ? undefined : new BuildChecks(session, needed, progress);
  await checks?.before();
  const results = await runStages(needed, session, parts.abort).finally(() => checks?.after());
  tools.cache.touch(session.usedKeys);
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
async function commitTime(
  { secrets, ssh }: BuildRequest,
  { git }: BuildContext,
  repositories: GitRepositories,
): Promise<number | undefined> {
  return git && repositories.commitTime(git, { secrets, sshAgent: ssh?.['default'] });
}

/** All stages at once; each waits for those it needs. The first failure ends the others before it is reported. */
async function runStages(
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
