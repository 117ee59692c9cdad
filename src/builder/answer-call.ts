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
import type { ImageStore } from '../image/index.ts';
import { hostPlatform, type Platform } from '../oci/index.ts';
import { BuildStepError } from './build-error.ts';
import { factsOf, runChecks } from './checks.ts';
import type { BuildContext } from './context/build-context.ts';
import { BuildArgs } from './plan/build-args.ts';
import { NamedContexts } from './context/named-contexts.ts';
import { StageGraph } from './plan/stage-graph.ts';
import type { BuildRequest } from './types.ts';

export interface CallOptions {
  readonly request: BuildRequest;
  readonly context: Pick<BuildContext, 'dockerfile' | 'ignore'>;
  /** Local images: what a call says of a base image is known from here alone, nothing is fetched. */
  readonly images: ImageStore;
}

/** Answers `build --call`: nothing is built. @throws DockerfileError, invalid_argument; a check reports these in its answer */
export async function answerCall(
  call: 'check' | 'outline' | 'targets',
  { request, context, images }: CallOptions,
): Promise<CallAnswer> {
  const { text, filename } = context.dockerfile;
  if (call === 'check') return check(request, context, images);
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

async function check(request: BuildRequest, context: CallOptions['context'], images: ImageStore): Promise<CallAnswer> {
  const file = { filename: context.dockerfile.filename, source: context.dockerfile.text };
  const warnings: CheckWarning[] = [];
  try {
    const dockerfile = parseDockerfile(file.source, { ...file, frontend: request.buildArgs['BUILDKIT_SYNTAX'] });
    const { args, platform, graph } = planOf(dockerfile, request);
    const [bases, problem] = await basesOf(dockerfile, graph, images);
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

/** Local images by the names in FROM, and the first FROM that is wrong. The platform of a local image says nothing: a build may fetch another. */
async function basesOf(
  dockerfile: Dockerfile,
  graph: StageGraph,
  images: ImageStore,
): Promise<[Map<string, BaseFacts>, unknown]> {
  const bases = new Map<string, BaseFacts>();
  try {
    for (const stage of dockerfile.stages) {
      const source = graph.baseOf(stage);
      const found = source.kind === 'image' ? images.find(source.reference) : undefined;
      if (source.kind !== 'image' || !found) continue;
      const { platform: _any, ...facts } = factsOf((await images.open(found.record)).config);
      bases.set(source.reference, facts);
    }
  } catch (error) {
    return [bases, error];
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
