import { applyConfigInstruction } from '../builder/index.ts';
import {
  evaluateGlobalArgs,
  expandInstruction,
  parseDockerfile,
  parseInstruction,
  predefinedArgs,
  runCommand,
  type Dockerfile,
  type Instruction,
  type RunInstruction,
  type Stage,
} from '../dockerfile/index.ts';
import { LadingError } from '../errors/index.ts';
import { hostPlatform, parsePlatform, type RunConfig } from '../oci/index.ts';
import type { Image } from './image.ts';
import { formatPlace, type Place } from './place.ts';
import { targetOf } from './plan.ts';
import { render, type Rendered } from './render.ts';
import { graphOf } from './graph.ts';

/** A RUN step as a dry run gives it to `run`. */
export interface DryRunStep {
  readonly stage: string;
  /** The instruction as it is in the Dockerfile. */
  readonly text: string;
  /** What would be executed: with the shell for a text. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: string;
  readonly network: 'default' | 'none' | 'host';
  readonly mounts: readonly {
    readonly type: string;
    readonly target?: string;
    readonly id?: string;
    readonly from?: string;
  }[];
  /** The line of the program that said it. */
  readonly place: Place | undefined;
}

/** The configuration of an image, as OCI images hold it. */
export interface ImageConfig {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly StopSignal?: string;
  readonly Shell?: readonly string[];
  readonly OnBuild?: readonly string[];
}

export interface DryRunOptions {
  /** Stands in for a RUN: returns its exit code; nothing is 0. Default: every step succeeds. */
  readonly run?: (step: DryRunStep) => number | void | Promise<number | void>;
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Configurations of base images by reference; default: an empty one. */
  readonly images?: Readonly<Record<string, ImageConfig>>;
  /** "linux/arm64"; default the machine's own. */
  readonly platform?: string;
}

export interface DryRunResult {
  /** The image's configuration. */
  readonly config: ImageConfig;
  /** The RUN steps in the order in which they were played. */
  readonly runs: readonly DryRunStep[];
  /** All instructions of the needed stages, variables replaced as the build would. */
  readonly steps: readonly { readonly stage: string; readonly kind: string; readonly text: string }[];
}

const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface StageState {
  config: RunConfig;
  /** What steps see: of an ARG and an ENV of one name, the later. */
  readonly variables: Map<string, string>;
}

/** Plays the stages one after the other. @throws invalid_argument as the build would, with the program's line */
export async function dryRun(image: Image, options: DryRunOptions): Promise<DryRunResult> {
  const graph = graphOf(new Map([['', image]]));
  const rendered = render(graph, {});
  const target = graph.stages.indexOf(targetOf(graph, options.target));
  return new DryRun(parseDockerfile(rendered.text), rendered, options).play(target);
}

class DryRun {
  readonly #dockerfile: Dockerfile;
  readonly #rendered: Rendered;
  readonly #options: DryRunOptions;
  readonly #given: ReadonlyMap<string, string>;
  readonly #globals: ReadonlyMap<string, string>;
  readonly #predefined: ReadonlyMap<string, string>;
  readonly #runs: DryRunStep[] = [];
  readonly #steps: { stage: string; kind: string; text: string }[] = [];
  readonly #done = new Map<Stage, StageState>();

  constructor(dockerfile: Dockerfile, rendered: Rendered, options: DryRunOptions) {
    this.#dockerfile = dockerfile;
    this.#rendered = rendered;
    this.#options = options;
    this.#given = new Map(Object.entries(options.buildArgs ?? {}));
    const build = hostPlatform();
    const platform = options.platform === undefined ? build : parsePlatform(options.platform);
    this.#predefined = predefinedArgs({
      build,
      target: platform,
      targetStage: options.target ?? dockerfile.stages.at(-1)?.name ?? 'default',
      given: this.#given,
    });
    this.#globals = evaluateGlobalArgs(dockerfile, this.#predefined, this.#given);
  }

  async play(target: number): Promise<DryRunResult> {
    const { config } = await this.#stage(this.#dockerfile.stages[target]!);
    return { config: config as ImageConfig, runs: this.#runs, steps: this.#steps };
  }

  async #stage(stage: Stage): Promise<StageState> {
    const known = this.#done.get(stage);
    if (known) return known;
    const state = await this.#base(stage);
    const { OnBuild: triggers, ...config } = state.config;
    state.config = config;
    for (const trigger of triggers ?? []) await this.#step(parseInstruction(trigger), stage, state);
    for (const instruction of stage.instructions) {
      for (const from of fromsOf(instruction)) {
        const source = this.#named(from, stage);
        if (source) await this.#stage(source);
      }
      await this.#step(instruction, stage, state);
    }
    this.#done.set(stage, state);
    return state;
  }

  async #base(stage: Stage): Promise<StageState> {
    const options = { escape: this.#dockerfile.escape, file: this.#dockerfile };
    const { image } = expandInstruction(stage.from, this.#globals, options).instruction;
    const earlier = this.#named(image, stage);
    if (earlier) {
      const { config, variables } = await this.#stage(earlier);
      return { config, variables: new Map([...variables, ...entriesOf(config.Env)]) };
    }
    const given = (this.#options.images?.[image] ?? { WorkingDir: '/' }) as RunConfig;
    const hasPath = given.Env?.some((entry) => entry.startsWith('PATH=')) === true;
    const config = hasPath ? given : { ...given, Env: [...(given.Env ?? []), DEFAULT_PATH] };
    return { config, variables: new Map(entriesOf(config.Env)) };
  }

  #named(name: string, before: Stage): Stage | undefined {
    return this.#dockerfile.stages.slice(0, before.index).findLast((stage) => stage.name === name);
  }

  async #step(written: Instruction, stage: Stage, state: StageState): Promise<void> {
    const options = { escape: this.#dockerfile.escape, file: this.#dockerfile, overrides: this.#given };
    const { instruction } = expandInstruction(written, state.variables, options);
    const name = stage.name ?? `stage-${stage.index}`;
    this.#steps.push({ stage: name, kind: instruction.kind, text: instruction.original });
    if (instruction.kind === 'arg')
      for (const { key, default: own } of instruction.args) {
        const value = this.#given.get(key) ?? own ?? this.#globals.get(key) ?? this.#predefined.get(key);
        if (value !== undefined) state.variables.set(key, value);
      }
    if (instruction.kind === 'env') for (const { key, value } of instruction.pairs) state.variables.set(key, value);
    if (instruction.kind === 'run') await this.#run(instruction, name, state);
    state.config = applyConfigInstruction(state.config, instruction, { cmdSet: this.#cmdSet(stage, written) });
  }

  #cmdSet(stage: Stage, until: Instruction): boolean {
    return stage.instructions.slice(0, stage.instructions.indexOf(until)).some(({ kind }) => kind === 'cmd');
  }

  async #run(run: RunInstruction, stage: string, { config, variables }: StageState): Promise<void> {
    const command = runCommand(run);
    const words = command.kind === 'args' ? command.args : [`/dev/pipes/${command.file.name}`];
    const shell = run.form === 'exec' ? [] : (config.Shell ?? ['/bin/sh', '-c']);
    const place = this.#rendered.lines.find(({ startLine }) => startLine === run.location.startLine)?.place;
    const step: DryRunStep = {
      stage,
      text: run.original,
      args: [...shell, ...words],
      env: Object.fromEntries(variables),
      cwd: config.WorkingDir || '/',
      user: config.User ?? '',
      network: run.network ?? 'default',
      mounts: run.mounts.map(({ type, target, id, from }) => ({
        type,
        ...(target === undefined ? {} : { target }),
        ...(id === undefined ? {} : { id }),
        ...(from === undefined ? {} : { from }),
      })),
      place,
    };
    this.#runs.push(step);
    const exitCode = (await this.#options.run?.(step)) ?? 0;
    if (exitCode === 0) return;
    const where = place === undefined ? '' : `${formatPlace(place)}: `;
    throw new LadingError(
      'invalid_argument',
      `${where}process ${JSON.stringify(step.args.join(' '))} did not complete successfully: exit code: ${exitCode}`,
    );
  }
}

function entriesOf(env: readonly string[] = []): [string, string][] {
  return env.map((entry) => {
    const at = entry.indexOf('=');
    return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
  });
}

function fromsOf(instruction: Instruction): string[] {
  if (instruction.kind === 'copy') return instruction.from === undefined ? [] : [instruction.from];
  return instruction.kind === 'run' ? instruction.mounts.flatMap(({ from }) => from ?? []) : [];
}
