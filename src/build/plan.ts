import { hash } from 'node:crypto';
import type { InstructionKind } from '../dockerfile/index.ts';
import { LadingError } from '../errors/index.ts';
import type { Graph, Stage, Targets } from './graph.ts';
import type { Image } from './image.ts';
import type { Place } from './place.ts';
import { renderTargets } from './render.ts';
import { NamedContext } from './sources.ts';
import { written, type Text } from './values.ts';

export interface PlanOptions {
  /** The stage that is wanted, by its name; default: this image. */
  readonly target?: string;
}

/** What a build would do, known without reading a file. */
export interface Plan {
  /** In the Dockerfile's order. */
  readonly stages: readonly PlannedStage[];
  /** Index of the stage to be built. */
  readonly target: number;
  /** Build arguments that are declared, with their defaults. */
  readonly args: readonly { readonly name: string; readonly default?: string }[];
  /** Named contexts: folders and addresses, or undefined when the one who builds has to give them. */
  readonly contexts: Readonly<Record<string, string | undefined>>;
  /** Ids of secrets that steps mount. */
  readonly secrets: readonly string[];
  /** Images the needed stages begin with or copy from. */
  readonly images: readonly string[];
  readonly dockerfile: string;
}

export interface PlannedStage {
  readonly index: number;
  readonly name?: string;
  /** An image's reference or a context's name, or the index of an earlier stage. */
  readonly from: string | number;
  readonly platform?: string;
  readonly place: Place;
  /** Whether the target needs it. */
  readonly needed: boolean;
  readonly steps: readonly PlannedStep[];
}

export interface PlannedStep {
  readonly kind: InstructionKind;
  /** As it is in the Dockerfile. */
  readonly text: string;
  /** The line of the program that said it. */
  readonly place: Place;
  /** Indices of the stages it reads. */
  readonly stages: readonly number[];
  /** Equal for steps that are defined equally, upon equal steps: what a cache key knows before files are read and images resolved. */
  readonly key: string;
}

export function planOf(image: Image, options: PlanOptions): Plan {
  return planTargets(new Map([['', image]]), options);
}

export function planTargets(targets: Targets, options: PlanOptions): Plan {
  const { graph, rendered } = renderTargets(targets, {});
  const wanted = targetOf(graph, options.target);
  const needed = neededBy(wanted, graph);
  const keys = new Map<Stage, string>();
  const stages = graph.stages.map((stage, index) => plannedStage(stage, index, { graph, keys, needed }));
  const steps = graph.stages.flatMap((stage) => stage.steps);
  const declared = [...graph.globals, ...steps.flatMap(({ declares }) => declares ?? [])];
  return {
    stages,
    target: graph.stages.indexOf(wanted),
    args: [...new Map(declared.map((arg) => [arg.name, argOf(arg)])).values()],
    contexts: Object.fromEntries(graph.contexts),
    secrets: [...new Set(steps.flatMap(({ secrets = [] }) => secrets))],
    images: imagesOf([...needed]),
    dockerfile: rendered.text,
  };
}

function argOf({ name, default: fallback }: { name: string; default: string | undefined }): {
  name: string;
  default?: string;
} {
  return fallback === undefined ? { name } : { name, default: fallback };
}

/** @throws invalid_argument */
export function targetOf(graph: Graph, name: string | undefined): Stage {
  if (name === undefined) return graph.wanted;
  const found = graph.targets.get(name) ?? graph.stages.find((stage) => stage.name === name.toLowerCase());
  if (found) return found;
  const names = [...new Set([...graph.targets.keys(), ...graph.stages.flatMap((stage) => stage.name ?? [])])].filter(
    (known) => known !== '',
  );
  throw new LadingError('invalid_argument', `target stage "${name}" could not be found`, {
    hint: names.length === 0 ? 'name a stage with .as("name")' : `stages: ${names.join(', ')}`,
  });
}

/** The stages a step reads. */
function readBy(stage: Stage, graph: Graph): Stage[] {
  const names = new Set(stage.steps.flatMap(({ froms }) => froms.map((from) => graph.names(from))));
  return graph.stages.filter(({ name }) => name !== undefined && names.has(name));
}

function neededBy(wanted: Stage, graph: Graph): Set<Stage> {
  const needed = new Set<Stage>();
  const visit = (stage: Stage): void => {
    if (needed.has(stage)) return;
    needed.add(stage);
    if (stage.base) visit(stage.base);
    readBy(stage, graph).forEach(visit);
  };
  visit(wanted);
  return needed;
}

function plannedStage(
  stage: Stage,
  index: number,
  { graph, keys, needed }: { graph: Graph; keys: Map<Stage, string>; needed: ReadonlySet<Stage> },
): PlannedStage {
  const from = stage.base ? graph.stages.indexOf(stage.base) : baseName(stage, graph);
  const platform = stage.root.platform === undefined ? undefined : written(stage.root.platform);
  let key = (stage.base && keys.get(stage.base)) ?? digest(['from', baseName(stage, graph), platform]);
  const steps = stage.steps.map((step) => {
    const sources = step.froms.flatMap(
      (source) => graph.stages.find(({ name }) => name !== undefined && name === graph.names(source)) ?? [],
    );
    const text = step.render(graph.names);
    // The names of stages say nothing, what is in them does.
    const names = step.render(
      (source) => keys.get(sources.find(({ name }) => name === graph.names(source))!) ?? graph.names(source),
    );
    key = digest([key, names]);
    return {
      kind: step.kind,
      text,
      place: step.place,
      stages: sources.map((source) => graph.stages.indexOf(source)),
      key,
    };
  });
  keys.set(stage, key);
  return {
    index,
    ...(stage.name === undefined ? {} : { name: stage.name }),
    from,
    ...(platform === undefined ? {} : { platform }),
    place: stage.root.place,
    needed: needed.has(stage),
    steps,
  };
}

function baseName({ root }: Stage, graph: Graph): string {
  return root.base instanceof NamedContext ? graph.names(root.base) : written(root.base as Text);
}

function imagesOf(stages: readonly Stage[]): string[] {
  const bases = stages.flatMap(({ root, base }) =>
    base || root.base instanceof NamedContext ? [] : written(root.base as Text),
  );
  const froms = stages.flatMap(({ steps }) =>
    steps.flatMap(({ froms: from }) => from.filter((item) => typeof item === 'string')),
  );
  return [...new Set([...bases, ...froms])].filter((name) => name !== 'scratch').sort();
}

function digest(value: unknown): string {
  return `sha256:${hash('sha256', JSON.stringify(value))}`;
}
