import { LadingError } from '../errors/index.ts';
import type { Graph } from './graph.ts';
import { targetsOf } from './program.ts';
import { renderTargets, type DockerfileOptions } from './render.ts';

/** What `lading build` needs of a program, as plain JSON. */
export interface Description {
  readonly dockerfile: string;
  /** Folders and addresses by name; null: `--build-context` has to give it. */
  readonly contexts: Readonly<Record<string, string | null>>;
  /** `--target` names and what they are called in the Dockerfile. */
  readonly targets: Readonly<Record<string, string>>;
  /** What is built without `--target`; null: the last stage. */
  readonly wanted: string | null;
  /** Build arguments the program itself has used. */
  readonly argsRead: readonly string[];
}

export interface DescribeOptions {
  readonly args: Readonly<Record<string, string>>;
  /** At least one. */
  readonly platforms: readonly string[];
  /** Of the program: the Dockerfile names its lines relative to it, so that it is the same wherever it is described. */
  readonly folder: string;
  /** What the program exports as `check`: the directive of that name. */
  readonly check?: unknown;
}

/** Describes a program's default export; a function is asked once for each platform. @throws invalid_argument */
export async function describe(
  exported: unknown,
  { args, platforms, folder, check }: DescribeOptions,
): Promise<Description> {
  const read = new Set<string>();
  const described = [];
  for (const platform of platforms) {
    const value: unknown =
      typeof exported === 'function' ? await exported({ args: watched(args, read), platform }) : exported;
    described.push({ platform, ...describeValue(value, { places: folder, ...checkOf(check) }) });
  }
  const [first, ...rest] = described;
  if (!first) throw new LadingError('internal', 'describe: no platform was given');
  const other = rest.find(({ dockerfile }) => dockerfile !== first.dockerfile);
  if (other)
    throw new LadingError(
      'invalid_argument',
      `the program describes different builds for ${first.platform} and ${other.platform}: one build makes all platforms`,
      { hint: 'use TARGETARCH and TARGETPLATFORM in its steps, or build the platforms one by one' },
    );
  const { platform: _first, ...description } = first;
  return { ...description, argsRead: [...read] };
}

function checkOf(check: unknown): DockerfileOptions {
  if (check === undefined) return {};
  if (typeof check === 'string') return { check };
  throw new LadingError('invalid_argument', `the export "check" is of type ${typeof check}: a text is wanted`);
}

function describeValue(value: unknown, options: DockerfileOptions): Omit<Description, 'argsRead'> {
  const { graph, rendered } = renderTargets(targetsOf(value), options);
  const names = new Map<string, string>();
  for (const [name, stage] of graph.targets) if (name !== '') names.set(name, calledIn(graph, stage));
  for (const stage of graph.stages) if (stage.name !== undefined) names.set(stage.name, stage.name);
  return {
    dockerfile: rendered.text,
    contexts: Object.fromEntries([...graph.contexts].map(([name, path]) => [name, path ?? null])),
    targets: Object.fromEntries(names),
    wanted: graph.wanted === graph.stages.at(-1) ? null : calledIn(graph, graph.wanted),
  };
}

/** A stage's name, or its number. */
export function calledIn(graph: Graph, stage: Graph['wanted']): string {
  return stage.name ?? String(graph.stages.indexOf(stage));
}

function watched(
  args: Readonly<Record<string, string>>,
  read: Set<string>,
): Readonly<Record<string, string | undefined>> {
  return new Proxy(args, {
    get: (target, name) => {
      if (typeof name !== 'string') return undefined;
      read.add(name);
      return Object.hasOwn(target, name) ? target[name] : undefined;
    },
  });
}
