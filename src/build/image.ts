import { LadingError } from '../errors/index.ts';
import { parsePlatform } from '../oci/index.ts';
import { filesDraft, type AddOptions, type AddSource, type CopyOptions, type CopySource } from './files.ts';
import type { Command } from './command-line.ts';
import {
  commandDraft,
  healthcheckDraft,
  runDraft,
  shellDraft,
  type HealthcheckOptions,
  type RunOptions,
  type RunShellOptions,
} from './commands.ts';
import type { Draft } from './draft.ts';
import {
  argDraft,
  exposeDraft,
  maintainerDraft,
  pairsDraft,
  volumeDraft,
  wordDraft,
  type Port,
} from './instructions.ts';
import type { BuildOptions, RunningBuild } from './build-options.ts';
import type { DryRunOptions, DryRunResult } from './dry-run.ts';
import { addStep, chainOf, placed, rootNode, setNodeOf, type Node } from './node.ts';
import { planOf, type Plan, type PlanOptions } from './plan.ts';
import { callerPlace } from './place.ts';
import { renderDockerfile, type DockerfileOptions } from './render.ts';
import { runBuild } from './running-build.ts';
import { checkReference, NamedContext } from './sources.ts';
import { checkText, literalOf, type Arg, type Text } from './values.ts';

const STAGE_NAME = /^[a-z][a-z0-9\-_.]*$/;

/**
 * A stage of a build, described step by step. It never changes: every method returns a new, longer stage, so that a stage may be
 * continued in several ways, begun upon (`image(stage)`) and copied from (`copy({ from: stage })`).
 *
 * What is said means what the instruction of the same name means in a Dockerfile; texts are literal (see {@link arg} for what is not).
 * Whatever cannot be built is an error at the line that says it.
 */
export class Image {
  readonly #node: Node;

  /** @internal Use {@link image} or {@link scratch}. */
  constructor(node: Node) {
    this.#node = node;
  }

  static {
    setNodeOf((stage) => stage.#node);
  }

  /** A name for `--target` and for what the build shows; the Dockerfile's `AS`. */
  as(name: string): Image {
    const place = callerPlace();
    if (this.#node.root.trigger || !STAGE_NAME.test(name))
      throw placed(
        new LadingError('invalid_argument', `as(): invalid name for build stage: ${JSON.stringify(name)}`, {
          hint: 'a name begins with a lower-case letter; digits, "-", "_" and "." may follow',
        }),
        place,
        'as',
      );
    return new Image({ root: this.#node.root, parent: this.#node, step: undefined, name });
  }

  /** Runs a command: a text by the shell (several lines are a script), an array as it is. */
  run(command: Text, options?: RunShellOptions): Image;
  run(command: readonly string[], options?: RunOptions): Image;
  run(command: Command, options: RunShellOptions = {}): Image {
    return this.#add('run', () => runDraft(command, options));
  }

  /** Copies files of the context, or of `from`. The last of `sources` and `dest` mean what COPY's words mean. */
  copy(sources: CopySource | readonly CopySource[], dest: Text, options?: CopyOptions): Image;
  copy(files: CopyOptions & { readonly source: CopySource | readonly CopySource[]; readonly dest: Text }): Image;
  copy(
    sources:
      | CopySource
      | readonly CopySource[]
      | (CopyOptions & { source: CopySource | readonly CopySource[]; dest: Text }),
    dest?: Text,
    options: CopyOptions = {},
  ): Image {
    return this.#add('copy', () => {
      if (dest !== undefined) return filesDraft('copy', listOf(sources as CopySource), dest, options);
      const { source, dest: to, ...rest } = sources as { source: CopySource | readonly CopySource[]; dest: Text };
      return filesDraft('copy', listOf(source), to, rest);
    });
  }

  /** As {@link copy}, and also from addresses ({@link http}, {@link git}) and with archives unpacked. */
  add(sources: AddSource | readonly AddSource[], dest: Text, options: AddOptions = {}): Image {
    return this.#add('add', () => filesDraft('add', listOf(sources), dest, options));
  }

  /** Environment variables of the image and of the steps that follow. */
  env(variables: Readonly<Record<string, Text | number | boolean>>): Image {
    return Object.keys(variables).length === 0 ? this : this.#add('env', () => pairsDraft('env', variables));
  }

  label(labels: Readonly<Record<string, Text | number | boolean>>): Image {
    return Object.keys(labels).length === 0 ? this : this.#add('label', () => pairsDraft('label', labels));
  }

  /** Declares arguments here. Without it they are declared in front of the step that uses them first. */
  arg(...args: readonly Arg[]): Image {
    return args.reduce<Image>((stage, arg) => new Image(addStep(stage.#node, 'arg', () => argDraft(arg), arg)), this);
  }

  workdir(path: Text): Image {
    return this.#add('workdir', () => wordDraft('workdir', path));
  }

  /** "name", "name:group", or numbers. */
  user(user: Text): Image {
    return this.#add('user', () => wordDraft('user', user));
  }

  cmd(command: Command): Image {
    return this.#add('cmd', () => commandDraft('cmd', command));
  }

  entrypoint(command: Command): Image {
    return this.#add('entrypoint', () => commandDraft('entrypoint', command));
  }

  expose(...ports: readonly Port[]): Image {
    return ports.length === 0 ? this : this.#add('expose', () => exposeDraft(ports));
  }

  volume(...paths: readonly Text[]): Image {
    return paths.length === 0 ? this : this.#add('volume', () => volumeDraft(paths));
  }

  /** `false` takes the base image's check away. */
  healthcheck(command: false): Image;
  healthcheck(command: Command, options?: HealthcheckOptions): Image;
  healthcheck(command: Command | false, options: HealthcheckOptions = {}): Image {
    return this.#add('healthcheck', () => healthcheckDraft(command, options));
  }

  /** The shell of this stage's texts, for example ["/bin/bash", "-o", "pipefail", "-c"]. */
  shell(args: readonly [string, ...string[]]): Image {
    return this.#add('shell', () => shellDraft(args));
  }

  stopsignal(signal: Text): Image {
    return this.#add('stopsignal', () => wordDraft('stopsignal', signal));
  }

  /** @deprecated Use the label org.opencontainers.image.authors. */
  maintainer(name: string): Image {
    return this.#add('maintainer', () => maintainerDraft(name));
  }

  /** Steps for the builds that begin with this image: `onbuild((later) => later.copy('.', '/app').run('make'))`. */
  onbuild(define: (later: Image) => Image): Image {
    const { root } = this.#node;
    const empty = rootNode({ base: '', platform: undefined, place: callerPlace(), trigger: true });
    const later = define(new Image(empty));
    return chainOf(later.#node).reduce<Image>((stage, { step }) => {
      if (!step) return stage;
      return stage.#add('onbuild', () => {
        if (root.trigger) throw new LadingError('invalid_argument', 'onbuild(): a trigger cannot hold another');
        return triggerDraft(step);
      });
    }, this);
  }

  /** Applies a function: for reuse in the middle of a chain, `image('node').with(user).run('…')`. */
  with<Result>(use: (stage: Image) => Result): Result {
    return use(this);
  }

  /** The stage and all it needs as a Dockerfile that builds with Docker, too. @throws invalid_argument for what no Dockerfile can say */
  toDockerfile(options: DockerfileOptions = {}): string {
    return renderDockerfile(this, options);
  }

  /** What a build would do: stages, steps, which of them are needed. Nothing is read or run. */
  plan(options: PlanOptions = {}): Plan {
    return planOf(this, options);
  }

  /** Plays the build without files, images or root: `run` stands in for RUN. For unit tests. */
  async dryRun(options: DryRunOptions = {}): Promise<DryRunResult> {
    return (await import('./dry-run.ts')).dryRun(this, options);
  }

  /**
   * Builds, in this process, or by the daemon when one has the store. Await it for the result, iterate it for the events.
   * @throws invalid_argument when a step fails, permission_denied without root and without daemon, cancelled
   */
  build(options: BuildOptions = {}): RunningBuild {
    const { file } = callerPlace();
    return runBuild(async (onEvent, signal) => {
      const { buildTargets } = await import('./store.ts');
      return buildTargets(new Map([['', this]]), options, { onEvent, signal, program: file });
    }, options);
  }

  /** A stage in a text would be a mistake nobody sees. */
  [Symbol.toPrimitive](): never {
    throw new LadingError('invalid_argument', 'a stage is not a text', {
      hint: 'give it as it is: image(stage), copy({ from: stage, … }), bind(target, { from: stage })',
    });
  }

  /** console.log() shows the Dockerfile. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.plan().dockerfile;
  }

  #add(what: string, make: () => Draft): Image {
    return new Image(addStep(this.#node, what, make));
  }
}

/** Begins a stage with an image's reference or a named context, for a platform of its own when one is given; or upon another stage. */
export function image(base: Text | NamedContext, options?: { readonly platform?: Text }): Image;
export function image(stage: Image): Image;
export function image(base: Text | Image | NamedContext, { platform }: { readonly platform?: Text } = {}): Image {
  const place = callerPlace();
  try {
    if (!(base instanceof Image || base instanceof NamedContext)) {
      const literal = literalOf(base);
      if (literal !== undefined) checkReference(checkText(literal, 'image()'), 'image()');
    }
    if (platform !== undefined) checkPlatform(platform, base);
    return new Image(rootNode({ base, platform, place }));
  } catch (error) {
    throw placed(error, place, 'image');
  }
}

function checkPlatform(platform: Text, base: Text | Image | NamedContext): void {
  if (base instanceof Image)
    throw new LadingError('invalid_argument', 'image(): a stage has the platform it was begun with');
  const literal = literalOf(platform);
  if (literal !== undefined) parsePlatform(literal);
}

/** Begins a stage with nothing. */
export function scratch(): Image {
  return new Image(rootNode({ base: 'scratch', platform: undefined, place: callerPlace() }));
}

function listOf<Item extends object | string>(items: Item | readonly Item[]): readonly Item[] {
  return Array.isArray(items) ? items : [items as Item];
}

/** The image stores the text: what other builders could not read must not be in it. */
function triggerDraft(step: Draft): Draft {
  const refuse = (): never => {
    throw new LadingError('invalid_argument', 'onbuild(): a stage of this build is not there when the trigger runs', {
      hint: 'name an image',
    });
  };
  const text = step.render((from) => (typeof from === 'string' ? checkReference(from, 'from') : refuse()));
  if (step.breaks === true)
    throw new LadingError('invalid_argument', 'onbuild(): a value of a trigger cannot hold a line break');
  return { kind: 'onbuild', texts: [], froms: [], render: () => `ONBUILD ${text}` };
}
