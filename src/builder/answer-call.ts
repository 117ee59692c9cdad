import {
  checkAnswer,
  DockerfileError,
  outlineAnswer,
  parseDockerfile,
  targetsAnswer,
  type BaseFacts,
  type CallAnswer,
  type CheckFailure,
  type CheckWarning,
  type Dockerfile,
} from '../dockerfile/index.ts';
import { LadingError } from '../errors/index.ts';
import { hostPlatform, parsePlatform, type Platform } from '../oci/index.ts';
import { findBaseFacts, type BaseSources } from './base-facts.ts';
import { BuildStepError, locateFailure } from './build-error.ts';
import { runChecks } from './checks.ts';
import type { BuildContext } from './context/build-context.ts';
import { BuildArgs } from './plan/build-args.ts';
import { NamedContexts } from './context/named-contexts.ts';
import { StageGraph } from './plan/stage-graph.ts';
import type { BuildRequest } from './types.ts';

export interface CallOptions {
  readonly request: BuildRequest;
  readonly context: Pick<BuildContext, 'dockerfile' | 'ignore'>;
  /** Where a check learns of base images. */
  readonly sources: BaseSources;
}

/** Answers `build --call`: nothing is built. @throws DockerfileError, invalid_argument; a check reports these in its answer */
export async function answerCall(
  call: 'check' | 'outline' | 'targets',
  { request, context, sources }: CallOptions,
): Promise<CallAnswer> {
  const { text, filename } = context.dockerfile;
  if (call === 'check') return check(request, context, sources);
  const dockerfile = parseDockerfile(text, { filename, frontend: request.buildArgs['BUILDKIT_SYNTAX'] });
  if (call === 'targets') return targetsAnswer(dockerfile);
  const plan = planOf(dockerfile, request);
  return outlineAnswer(dockerfile, {
    target: plan.graph.target(request.target),
    globals: plan.args.global,
    given: plan.args.given,
    sourcesOf: (stage) => plan.graph.sourcesOf(stage),
  });
}

function planOf(dockerfile: Dockerfile, { buildArgs, target, contexts, platforms = [] }: BuildRequest) {
  const platform: Platform = platforms[0] ?? hostPlatform();
  const args = new BuildArgs(buildArgs, dockerfile, { build: hostPlatform(), target: platform, targetStage: target });
  return { args, platform, graph: new StageGraph(dockerfile, args.global, new NamedContexts(contexts)) };
}

async function check(
  request: BuildRequest,
  context: CallOptions['context'],
  sources: BaseSources,
): Promise<CallAnswer> {
  const file = { filename: context.dockerfile.filename, source: context.dockerfile.text };
  const warnings: CheckWarning[] = [];
  try {
    const dockerfile = parseDockerfile(file.source, { ...file, frontend: request.buildArgs['BUILDKIT_SYNTAX'] });
    const { args, platform, graph } = planOf(dockerfile, request);
    const [bases, problem] = await basesOf(dockerfile, graph, platform, sources);
    const base = (image: string): BaseFacts | undefined => bases.get(image);
    // Without a target all stages are looked into.
    const stages = problem || !request.target ? dockerfile.stages : graph.needed(graph.target(request.target));
    warnings.push(...runChecks({ dockerfile, args, platform, context, stages, base }));
    if (problem) throw problem;
    for (const stage of stages) graph.needed(stage);
    graph.target(request.target);
    return checkAnswer(dockerfile, warnings);
  } catch (error) {
    return checkAnswer(file, warnings, failureOf(error));
  }
}

/** What is known of the images in FROM, by their names there, and the first FROM that is wrong. */
async function basesOf(
  dockerfile: Dockerfile,
  graph: StageGraph,
  target: Platform,
  sources: BaseSources,
): Promise<[Map<string, BaseFacts>, unknown]> {
  const bases = new Map<string, BaseFacts>();
  for (const stage of dockerfile.stages)
    try {
      const source = graph.baseOf(stage);
      if (source.kind !== 'image' || bases.has(source.reference)) continue;
      const platform = source.platform === undefined ? target : parsePlatform(source.platform);
      const facts = await findBaseFacts(source.reference, platform, sources);
      if (facts) bases.set(source.reference, facts);
    } catch (error) {
      return [bases, locateFailure(error, dockerfile, stage.from.location)];
    }
  return [bases, undefined];
}

function failureOf(error: unknown): CheckFailure {
  if (!(error instanceof LadingError)) throw error;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  const located = error instanceof BuildStepError ? error.cause : error;
  if (located instanceof DockerfileError)
    return { message: located.message, ...hint, ...(located.location ? { location: located.location } : {}) };
  if (error instanceof BuildStepError)
    return { message: error.reason, ...hint, ...(error.location ? { location: error.location } : {}) };
  return { message: error.message, ...hint };
}
