import { posix } from 'node:path';
import type { SourceLocation } from '../dockerfile-error.ts';
import { expandInstruction } from '../instructions/expand-instruction.ts';
import type { RunMount } from '../instructions/run-mount.ts';
import { descriptionOf } from '../lint/written.ts';
import type { Dockerfile, Stage } from '../parse-dockerfile.ts';
import { expandWord } from '../shell/expand.ts';
import { columns, toBase64, toJsonLocation, type CallAnswer } from './call-answer.ts';

export interface OutlineOptions {
  readonly target: Stage;
  /** See evaluateGlobalArgs(). */
  readonly globals: ReadonlyMap<string, string>;
  /** Build arguments. */
  readonly given: ReadonlyMap<string, string>;
  /** Stages a stage needs directly: the one it begins with first, then those it copies or mounts from. */
  sourcesOf(stage: Stage): readonly Stage[];
}

interface Named {
  readonly name: string;
  readonly location: SourceLocation;
}

interface Arg extends Named {
  readonly value: string;
  readonly description: string | undefined;
}

interface Access extends Named {
  readonly required: boolean;
}

/** The answer of `--call=outline`: what can be given to a build of the target, found in all stages it needs. */
export function outlineAnswer(dockerfile: Dockerfile, options: OutlineOptions): CallAnswer {
  const outline = new Outline(dockerfile, options);
  outline.visit(options.target);
  return outline.answer();
}

class Outline {
  readonly #dockerfile: Dockerfile;
  readonly #o: OutlineOptions;
  readonly #globalArgs: Map<string, Arg>;
  readonly #args = new Map<string, Arg>();
  readonly #secrets = new Map<string, Access>();
  readonly #ssh = new Map<string, Access>();
  readonly #caches = new Map<string, Named>();
  readonly #seen = new Set<Stage>();

  constructor(dockerfile: Dockerfile, options: OutlineOptions) {
    this.#dockerfile = dockerfile;
    this.#o = options;
    this.#globalArgs = new Map(
      dockerfile.globalArgs.flatMap(({ args, comments, location }) =>
        args.map(({ key }) => {
          const value = options.globals.get(key) ?? '';
          return [key, { name: key, value, description: descriptionOf(comments, key), location }];
        }),
      ),
    );
  }

  /** What a nearer stage says of a name wins. */
  visit(stage: Stage): void {
    if (this.#seen.has(stage)) return;
    this.#seen.add(stage);
    const env = new Map<string, string>();
    for (const instruction of stage.instructions) {
      if (instruction.kind === 'arg')
        for (const arg of instruction.args) {
          const { comments, location } = instruction;
          this.#stageArg(arg, { description: descriptionOf(comments, arg.key), location }, env);
        }
      if (instruction.kind !== 'run') continue;
      const { mounts } = expandInstruction(instruction, env, {
        escape: this.#dockerfile.escape,
        file: this.#dockerfile,
      }).instruction;
      for (const mount of mounts) this.#mount(mount, instruction.location);
    }
    for (const word of [stage.from.image, stage.from.platform ?? '']) this.#globalsIn(word);
    for (const source of this.#o.sourcesOf(stage)) this.visit(source);
  }

  answer(): CallAnswer {
    const { name, from } = this.#o.target;
    const description = descriptionOf(from.comments, name);
    const [args, secrets, ssh, caches] = [this.#args, this.#secrets, this.#ssh, this.#caches].map(inOrder) as [
      Arg[],
      Access[],
      Access[],
      Named[],
    ];
    const head = name === undefined ? [] : [['TARGET:', name]];
    if (description !== undefined) head.push(['DESCRIPTION:', description]);
    const tables = [
      head.length === 0 ? '' : columns(head, 1),
      table(
        ['BUILD ARG', 'VALUE', 'DESCRIPTION'],
        args.map((arg) => [arg.name, arg.value, arg.description ?? '']),
      ),
      table(['SECRET', 'REQUIRED'], secrets.map(accessRow)),
      table(['SSH', 'REQUIRED'], ssh.map(accessRow)),
      table(
        ['CACHE MOUNT'],
        caches.map((cache) => [cache.name]),
      ),
    ];
    return {
      text: tables
        .filter((text) => text !== '')
        .map((text) => `${text}\n`)
        .join(''),
      json: {
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
        ...listed('args', args, (arg) => ({
          ...(arg.description === undefined ? {} : { description: arg.description }),
          ...(arg.value === '' ? {} : { value: arg.value }),
        })),
        ...listed('secrets', secrets, requiredOf),
        ...listed('ssh', ssh, requiredOf),
        ...(caches.length === 0
          ? {}
          : { cache: caches.map((cache) => ({ ID: cache.name, location: toJsonLocation(cache.location) })) }),
        sources: [toBase64(this.#dockerfile.source)],
      },
      failed: false,
    };
  }

  /** An argument declared without a default is the global one of its name; the platform's own are not for users to give. */
  #stageArg(
    { key, default: own }: { readonly key: string; readonly default?: string },
    rest: Pick<Arg, 'description' | 'location'>,
    env: Map<string, string>,
  ): void {
    const given = this.#o.given.get(key);
    const expanded = own === undefined ? undefined : expandWord(own, env, this.#dockerfile).value;
    const value = given ?? expanded ?? this.#o.globals.get(key);
    if (value !== undefined) env.set(key, value);
    if (given === undefined && own === undefined && this.#o.globals.has(key)) this.#global(key);
    else this.#add(this.#args, { name: key, value: value ?? '', ...rest });
  }

  #globalsIn(word: string): void {
    for (const name of expandWord(word, this.#o.globals, this.#dockerfile).used) this.#global(name);
  }

  /** A global argument, and those its default is made of. */
  #global(name: string): void {
    const arg = this.#globalArgs.get(name);
    if (!arg || this.#args.has(name)) return;
    this.#add(this.#args, arg);
    const defaults = this.#dockerfile.globalArgs.flatMap(({ args }) => args.filter(({ key }) => key === name));
    if (this.#o.given.has(name)) return;
    for (const { default: own } of defaults) if (own !== undefined) this.#globalsIn(own);
  }

  #mount({ type, id, source, target, required }: RunMount, location: SourceLocation): void {
    const base = source ?? (target === undefined ? undefined : posix.basename(target));
    if (type === 'secret') this.#add(this.#secrets, { name: id ?? base ?? '', required, location });
    else if (type === 'ssh') this.#add(this.#ssh, { name: id ?? 'default', required, location });
    else if (type === 'cache') this.#add(this.#caches, { name: id ?? target ?? '', location });
  }

  #add<T extends Named>(map: Map<string, T>, value: T): void {
    if (value.name !== '' && !map.has(value.name)) map.set(value.name, value);
  }
}

function inOrder<T extends Named>(map: ReadonlyMap<string, T>): T[] {
  return [...map.values()].sort((a, b) => a.location.startLine - b.location.startLine);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : columns([head, ...rows], 3);
}

function accessRow({ name, required }: Access): string[] {
  return [name, required ? 'true' : ''];
}

function requiredOf({ required }: Access): object {
  return required ? { required } : {};
}

function listed<T extends Named>(key: string, values: readonly T[], more: (value: T) => object): object {
  if (values.length === 0) return {};
  return {
    [key]: values.map((value) => ({ name: value.name, ...more(value), location: toJsonLocation(value.location) })),
  };
}
