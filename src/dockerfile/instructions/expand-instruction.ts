import { locate, Problem, type SourceFile } from '../dockerfile-error.ts';
import type { KeyValue } from '../parser/arguments.ts';
import { expandWord, expandWords, type ExpandOptions } from '../shell/expand.ts';
import type { Env } from '../shell/word-lexer.ts';
import { parseMount } from './run-mount.ts';
import { nearest } from '../suggest.ts';
import { usageHint } from './usage.ts';
import type { AddInstruction, ArgInstruction, CopyInstruction, FromInstruction, Instruction } from './types.ts';

export interface ExpandInstructionOptions extends Pick<ExpandOptions, 'escape'> {
  /** Named in errors; a Dockerfile will do. */
  readonly file?: SourceFile;
  /** ARG only: values that win over defaults (build arguments). Their defaults are not expanded. */
  readonly overrides?: Env;
}

export interface ExpandedInstruction<T extends Instruction> {
  readonly instruction: T;
  /** Variables found: their values belong to the cache key. */
  readonly used: Set<string>;
  readonly unset: Set<string>;
}

/**
 * Third stage: returns the instruction with quotes removed and variables replaced in the fields Docker expands:
 * ADD COPY ENV LABEL ARG EXPOSE FROM STOPSIGNAL USER VOLUME WORKDIR and the mounts of RUN. Command lines are left
 * to the shell, ONBUILD triggers to the build that runs them.
 *
 * @throws DockerfileError with the instruction's location
 */
export function expandInstruction<T extends Instruction>(
  instruction: T,
  env: Env,
  options: ExpandInstructionOptions,
): ExpandedInstruction<T> {
  const expander = new Expander(env, options);
  try {
    // expand() returns the kind it was given.
    return { instruction: expander.expand(instruction) as T, used: expander.used, unset: expander.unset };
  } catch (error) {
    const file = options.file ?? { filename: 'Dockerfile', source: '' };
    throw locate(error, file, instruction.location, usageHint(instruction.kind));
  }
}

class Expander {
  readonly used = new Set<string>();
  readonly unset = new Set<string>();
  readonly #env: Env;
  readonly #options: ExpandInstructionOptions;

  constructor(env: Env, options: ExpandInstructionOptions) {
    this.#env = env;
    this.#options = options;
  }

  expand(instruction: Instruction): Instruction {
    switch (instruction.kind) {
      case 'from':
        return this.#from(instruction);
      case 'copy':
        return { ...instruction, ...this.#files(instruction) };
      case 'add':
        return { ...instruction, ...this.#files(instruction), ...this.#optional('checksum', instruction.checksum) };
      case 'env':
      case 'label':
        return { ...instruction, pairs: instruction.pairs.map((pair) => this.#pair(pair)) };
      case 'arg':
        return { ...instruction, args: this.#args(instruction) };
      case 'expose':
        return { ...instruction, ports: instruction.ports.flatMap((port) => this.#words(port)) };
      case 'volume':
        return { ...instruction, volumes: instruction.volumes.map((volume) => this.#word(volume)) };
      case 'workdir':
        return { ...instruction, path: this.#word(instruction.path) };
      case 'user':
        return { ...instruction, user: this.#word(instruction.user) };
      case 'stopsignal':
        return { ...instruction, signal: this.#word(instruction.signal) };
      case 'run':
        return {
          ...instruction,
          mounts: instruction.mountSpecs.map((spec) => parseMount(spec, (word) => this.#word(word))),
        };
      default:
        return instruction;
    }
  }

  #word(word: string, env = this.#env, options: ExpandOptions = { escape: this.#options.escape }): string {
    return this.#note(expandWord(word, env, options)).value;
  }

  #words(word: string): string[] {
    return this.#note(expandWords(word, this.#env, { escape: this.#options.escape })).values;
  }

  #note<R extends { used: Set<string>; unset: Set<string> }>(result: R): R {
    for (const name of result.used) this.used.add(name);
    for (const name of result.unset) this.unset.add(name);
    return result;
  }

  #optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
    return value === undefined ? {} : ({ [key]: this.#word(value) } as { [P in K]?: string });
  }

  #pair(pair: KeyValue): KeyValue {
    return { key: this.#word(pair.key), value: this.#word(pair.value) };
  }

  #from(from: FromInstruction): FromInstruction {
    const image = this.#word(from.image);
    if (image === '')
      throw new Problem(`base name (${from.image}) should not be blank`, from.image, this.#declareHint());
    const platform = this.#optional('platform', from.platform);
    if (platform.platform === '') throw this.#noPlatform(from.platform ?? '');
    return { ...from, image, ...platform };
  }

  #noPlatform(written: string): Problem {
    const near = [...this.unset].map((name) => nearest(name, this.#env.keys())).find((name) => name !== undefined);
    const suggestion = near === undefined ? '' : ` (did you mean ${near}?)`;
    return new Problem(`empty platform value from expression ${written}${suggestion}`, written, this.#declareHint());
  }

  /** FROM sees only what is declared before the first one. */
  #declareHint(): string {
    const names = [...this.unset].join(', ');
    return names === ''
      ? 'give the ARG a value with --build-arg, or a default'
      : `declare ${names} with ARG before the first FROM, and give it a value with --build-arg or a default`;
  }

  #files(files: CopyInstruction | AddInstruction) {
    return {
      ...this.#optional('chown', files.chown),
      ...this.#optional('chmod', files.chmod),
      sources: files.sources.map((source) => this.#word(source)),
      dest: this.#word(files.dest),
      heredocs: files.heredocs.map((heredoc) =>
        heredoc.expand
          ? { ...heredoc, content: this.#word(heredoc.content, this.#env, { escape: '\\', skipQuotes: true }) }
          : heredoc,
      ),
    };
  }

  /** Later defaults see earlier arguments of the same instruction. */
  #args(instruction: ArgInstruction): ArgInstruction['args'] {
    const env = new Map(this.#env);
    return instruction.args.map((arg) => {
      const value = this.#options.overrides?.get(arg.key) ?? this.#default(arg.default, env);
      if (value === undefined) return arg;
      env.set(arg.key, value);
      return { key: arg.key, default: value };
    });
  }

  #default(written: string | undefined, env: Env): string | undefined {
    return written === undefined ? undefined : this.#word(written, env);
  }
}
