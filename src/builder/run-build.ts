import { settleAll } from '../base/index.ts';
import { parseDockerfile } from '../dockerfile/index.ts';
import { hostPlatform } from '../oci/index.ts';
import { answerCall } from './answer-call.ts';
import type { BuildSource } from './attest/provenance.ts';
import type { Parts, Run } from './build-parts.ts';
import { buildPlatform } from './build-platform.ts';
import type { BuildTools } from './build-tools.ts';
import { NamedContexts } from './context/named-contexts.ts';
import { gitContextMaterial } from './copy/git-sources.ts';
import { BuildExplainer, warnOfFilter } from './explain/build-explainer.ts';
import { exportBuild } from './export/export-build.ts';
import { BuildArgs } from './plan/build-args.ts';
import { sharedBases } from './platform/shared-bases.ts';
import { Progress } from './progress.ts';
import { TravellingCache } from './remote-cache/travelling-cache.ts';
import type { BuildRequest, BuildResult } from './types.ts';

/** Answers a `call`, or builds for each platform and exports. A cache from elsewhere that breaks its promises makes the build begin again without it. */
export async function runBuild(request: BuildRequest, run: Run, tools: BuildTools): Promise<BuildResult> {
  const { context, onEvent } = run;
  const { dependencies, cache, memory, runs } = tools;
  if (request.call !== undefined && request.call !== 'build') {
    const { call } = request;
    const sources = { ...dependencies, credentials: request.credentials ?? {}, signal: run.signal };
    onEvent({ kind: 'call', call, ...(await answerCall(call, { request, context, sources })) });
    return { tags: [], metadata: {} };
  }
  const dockerfile = parseDockerfile(context.dockerfile.text, {
    filename: context.dockerfile.filename,
    frontend: request.buildArgs['BUILDKIT_SYNTAX'],
  });
  const progress = new Progress(onEvent);
  warnOfFilter(request, dockerfile, progress);
  const travel = await TravellingCache.open({ ...run, dependencies, request, cache }, progress);
  const digests = context.folder === undefined ? undefined : await tools.digests.of(context.folder);
  const contexts = new NamedContexts(request.contexts);
  const fixed = { ...run, request, dockerfile, progress, contexts, digests, travel };
  for (;;) {
    const explainer = new BuildExplainer({
      request,
      dockerfile,
      memory,
      runs,
      cache,
      imported: travel.imported,
      log: dependencies.log,
    });
    try {
      const resolveBase = sharedBases(dependencies.resolveBase);
      return await attempt({ ...fixed, explainer, resolveBase, abort: new AbortController() }, tools);
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

/** Builds and exports, unless a layer the build counted on turns out to be lost. */
async function attempt(parts: Parts, tools: BuildTools): Promise<BuildResult> {
  const { request, names, lease, onEvent, progress, travel, abort } = parts;
  const signal = AbortSignal.any([parts.signal, abort.signal]);
  const wanted = request.platforms ?? [];
  const all = { ...parts, signal };
  const made = await settleAll(
    wanted.length === 0
      ? [buildPlatform(hostPlatform(), undefined, all, tools)]
      : wanted.map((platform) => buildPlatform(platform, platform, all, tools)),
  );
  const built = await travel.settle(made);
  const unused = unusedArgs(built.map(({ args }) => args));
  if (unused.length > 0) progress.warn(`One or more build-args [${unused.join(' ')}] were not consumed`);
  await parts.inspect?.(built);
  const result = await exportBuild(built, {
    referrers: tools.referrers,
    source: sourceOf(parts),
    dependencies: tools.dependencies,
    request,
    names,
    cache: tools.cache,
    lease,
    progress,
    scratch: tools.scratch,
    streams: tools.exports,
    squashed: tools.squashed,
    onEvent,
    signal,
  });
  await travel.write(built, progress);
  await parts.explainer.end(result);
  return result;
}

/** What provenance tells of the files a build began with. */
function sourceOf({ context, startedAt }: Run): BuildSource {
  const { git, folder, dockerfile } = context;
  return {
    startedAt,
    dockerfile,
    ...(git ? { git: gitContextMaterial(git) } : folder === undefined ? {} : { folder }),
  };
}

/** Arguments that no platform's stages declared. */
function unusedArgs(all: readonly BuildArgs[]): string[] {
  const [first, ...rest] = all.map((args) => args.unused());
  return (first ?? []).filter((name) => rest.every((unused) => unused.includes(name)));
}
