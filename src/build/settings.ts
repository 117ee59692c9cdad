import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { DockerCredentials } from '../distribution/index.ts';
import { parseDockerfile } from '../dockerfile/index.ts';
import type { BuildSettings } from '../engine/index.ts';
import { LadingError, messageOf } from '../errors/index.ts';
import { formatReference, parseReference, withDefaultTag } from '../oci/index.ts';
import type { BuildOptions, SecretSource, Typed } from './build-options.ts';
import { calledIn } from './describe.ts';
import type { Targets } from './graph.ts';
import { targetOf } from './plan.ts';
import type { Place } from './place.ts';
import { renderTargets, type Rendered } from './render.ts';

/** A program ready to be built. */
export interface Prepared {
  readonly settings: Omit<BuildSettings, 'platforms' | 'credentials'>;
  /** The context's folder. */
  readonly folder: string;
  readonly secrets: ReadonlyMap<string, Uint8Array>;
  /** Where the program says a step, by {@link stepKey}. */
  readonly places: ReadonlyMap<string, Place>;
}

/** What a build reports of a step tells which one it is. */
export function stepKey(step: { readonly stage: string; readonly name: string }): string {
  return JSON.stringify([step.stage, step.name]);
}

function placesOf({ text, lines }: Rendered): Map<string, Place> {
  const byLine = new Map(lines.map(({ startLine, place }) => [startLine, place]));
  const steps = parseDockerfile(text).stages.flatMap((stage) =>
    [stage.from, ...stage.instructions].map(({ original, location }) => {
      const key = stepKey({ stage: stage.name ?? `stage-${stage.index}`, name: original });
      return [key, byLine.get(location.startLine)] as const;
    }),
  );
  return new Map(steps.flatMap(([key, place]) => (place === undefined ? [] : [[key, place]])));
}

/** What is asked of the builder. Secrets are read here. @throws invalid_argument, not_found */
export async function prepare(targets: Targets, options: BuildOptions, program: string): Promise<Prepared> {
  const { graph, rendered } = renderTargets(targets, {
    places: program === '' ? true : dirname(program),
    ...(options.check === undefined ? {} : { check: options.check }),
  });
  const contexts = { ...given(graph.contexts), ...folders(options.contexts ?? {}) };
  for (const [name] of graph.contexts)
    if (contexts[name] === undefined)
      throw new LadingError('invalid_argument', `build: the context "${name}" is not given`, {
        hint: `contexts: { ${name}: '…' }`,
      });
  const target = targetOf(graph, options.target);
  const { buildArgs = {}, labels = {}, tags = [], network } = options;
  return {
    folder: resolve(options.context ?? '.'),
    places: placesOf(rendered),
    secrets: new Map(
      await Promise.all(
        Object.entries(options.secrets ?? {}).map(async ([id, from]) => [id, await secretOf(id, from)] as const),
      ),
    ),
    settings: {
      dockerfile: generatedName(program),
      dockerfileText: rendered.text,
      tags: tags.map((tag) => formatReference(withDefaultTag(parseReference(tag)))),
      buildArgs,
      labels,
      noCache: options.noCache ?? false,
      pull: options.pull ?? false,
      contexts,
      cacheFrom: (options.cacheFrom ?? []).map(typed),
      cacheTo: (options.cacheTo ?? []).map(typed),
      outputs: (options.outputs ?? []).map(typed),
      ...(target === graph.stages.at(-1) ? {} : { target: calledIn(graph, target) }),
      ...(options.ignore === undefined ? {} : { ignoreText: `${options.ignore.join('\n')}\n` }),
      ...(network === undefined ? {} : { networkMode: network }),
      ...attestationsOf(options),
      ...passed(options, [
        'ssh',
        'allow',
        'squash',
        'explain',
        'annotations',
        'limits',
        'name',
        'noCacheFilter',
        'extraHosts',
      ]),
    },
  };
}

/** The generated file's name in messages. */
function generatedName(program: string): string {
  return program === '' ? 'Dockerfile' : `${basename(program)}.Dockerfile`;
}

function given(contexts: ReadonlyMap<string, string | undefined>): Record<string, string> {
  return Object.fromEntries([...contexts].flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

function attestationsOf({ provenance, sbom }: BuildOptions): Pick<BuildSettings, 'attestations'> {
  if (provenance === undefined && sbom === undefined) return {};
  return {
    attestations: {
      ...(provenance === undefined ? {} : { provenance: provenance && { mode: provenance } }),
      ...(sbom === undefined ? {} : { sbom: sbom && {} }),
    },
  };
}

/** Options that mean the same to the builder, as far as they are given. */
function passed<Name extends keyof BuildOptions & keyof BuildSettings>(
  options: BuildOptions,
  names: readonly Name[],
): Pick<BuildOptions, Name> {
  return Object.fromEntries(
    names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  ) as Pick<BuildOptions, Name>;
}

/** Folders become absolute; addresses stay. */
function folders(contexts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(contexts).map(([name, value]) => [
      name,
      /^[a-z-]+:\/\/|^target:|^git@/.test(value) ? value : resolve(value),
    ]),
  );
}

function typed({ type, attrs = {} }: Typed): { type: string; attrs: Readonly<Record<string, string>> } {
  return { type, attrs };
}

async function secretOf(id: string, source: SecretSource): Promise<Uint8Array> {
  if (typeof source === 'string') return Buffer.from(source);
  if (source instanceof Uint8Array) return source;
  if ('env' in source) {
    const value = process.env[source.env];
    if (value !== undefined) return Buffer.from(value);
    throw new LadingError('not_found', `build: secret "${id}": the variable ${source.env} is not set`);
  }
  return readFile(source.file).catch((error: unknown) => {
    throw new LadingError('not_found', `build: secret "${id}": ${messageOf(error)}`, { cause: error });
  });
}

/** What Docker's config.json names, for pulls from anywhere. */
export async function userCredentials(): Promise<BuildSettings['credentials']> {
  const path = join(process.env['DOCKER_CONFIG'] || join(homedir(), '.docker'), 'config.json');
  if (!existsSync(path)) return {};
  const source = new DockerCredentials({ path });
  const found: Record<string, NonNullable<Awaited<ReturnType<DockerCredentials['get']>>>> = {};
  for (const server of Object.keys(await source.list().catch(() => ({})))) {
    const credentials = await source.get(server);
    if (credentials !== undefined) found[server] = credentials;
  }
  return found;
}
