import { expandInstruction } from '../instructions/expand-instruction.ts';
import { parsePortSpec } from '../instructions/ports.ts';
import type { AddInstruction, ArgInstruction, CopyInstruction, Instruction } from '../instructions/types.ts';
import type { SourceLocation } from '../dockerfile-error.ts';
import type { EscapeCharacter } from '../parser/directives.ts';
import { parseInstruction, type Stage } from '../parse-dockerfile.ts';
import { cleanPath } from '../glob/clean-path.ts';
import { expandWord } from '../shell/expand.ts';
import { nearest } from '../suggest.ts';
import type { CheckReport } from './check-report.ts';
import { attempt } from './from-checks.ts';
import type { BaseFacts, LintFacts } from './lint-facts.ts';
import type { CheckName } from './rules.ts';
import { keywordOf } from './written.ts';

/** Whether a variable's name says that its value is not for everybody. */
export function looksSecret(name: string): boolean {
  return SECRET.test(name) && !NO_SECRET.test(name);
}

const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const NO_SECRET = /(?:_|^)(?:public|file|version)(?:_|$)/i;
/** Read by the builder, never part of the environment. */
const NOT_ENV = ['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE'];
const ONCE: readonly Instruction['kind'][] = ['cmd', 'entrypoint', 'healthcheck'];

/** What a stage's end hands to stages that begin with it. */
export interface StageState {
  readonly env: ReadonlyMap<string, string>;
  /** Whether all variables are in `env`: not when the base image is unknown. */
  readonly envKnown: boolean;
  readonly declared: ReadonlySet<string>;
  readonly shell: boolean;
  readonly workdirSet: boolean;
  readonly onbuild: readonly string[];
}

/** The state a stage has directly behind its FROM. */
export function stateOfBase(base: BaseFacts | 'scratch' | undefined): StageState {
  const known = base === 'scratch' || base === undefined ? undefined : base;
  const env = new Map(known?.env ?? []);
  if (!env.has('PATH')) env.set('PATH', '');
  return {
    env,
    envKnown: base !== undefined,
    declared: new Set(),
    shell: known?.shell ?? false,
    workdirSet: false,
    onbuild: known?.onbuild ?? [],
  };
}

export interface StageChecksOptions {
  readonly facts: LintFacts;
  readonly globals: ReadonlyMap<string, string>;
  readonly escape: EscapeCharacter;
  readonly report: CheckReport;
}

/** Goes through one stage's instructions as a build does, keeping only names and variables. */
export class StageChecks {
  readonly #o: StageChecksOptions;
  readonly #env: Map<string, string>;
  readonly #envKnown: boolean;
  readonly #declared: Set<string>;
  readonly #earlier = new Map<string, SourceLocation>();
  readonly #onbuild: string[] = [];
  #shell: boolean;
  #workdirSet: boolean;

  private constructor(base: StageState, options: StageChecksOptions) {
    this.#o = options;
    this.#env = new Map(base.env);
    this.#envKnown = base.envKnown;
    this.#declared = new Set(base.declared);
    this.#shell = base.shell;
    this.#workdirSet = base.workdirSet;
  }

  static run(stage: Stage, base: StageState, options: StageChecksOptions): StageState {
    const checks = new StageChecks(base, options);
    for (const trigger of base.onbuild) {
      const instruction = attempt(() => parseInstruction(trigger));
      if (instruction) checks.#visit({ ...instruction, location: stage.from.location });
    }
    for (const instruction of stage.instructions) checks.#visit(instruction);
    return {
      env: checks.#env,
      envKnown: checks.#envKnown,
      declared: checks.#declared,
      shell: checks.#shell,
      workdirSet: checks.#workdirSet,
      onbuild: checks.#onbuild,
    };
  }

  #visit(written: Instruction): void {
    if (written.kind === 'arg') return this.#visitArg(written);
    const { escape } = this.#o;
    const expanded = attempt(() => expandInstruction(written, this.#env, { escape }));
    if (!expanded) return;
    // BuildKit expands the words of EXPOSE on another way, which does not report.
    if (written.kind !== 'expose') this.#reportUndefined(written, expanded.unset);
    this.#check(expanded.instruction);
  }

  #check(instruction: Instruction): void {
    if (ONCE.includes(instruction.kind)) this.#checkOnce(instruction);
    switch (instruction.kind) {
      case 'env':
        for (const { key, value } of instruction.pairs) {
          this.#checkLegacy(instruction, instruction.legacy);
          this.#checkSecret('ENV', key, instruction);
          this.#env.set(key, value);
        }
        break;
      case 'label':
        this.#checkLegacy(instruction, instruction.legacy);
        break;
      case 'cmd':
      case 'entrypoint':
        if (instruction.form === 'shell' && !this.#shell) {
          const message = `JSON arguments recommended for ${keywordOf(instruction)} to prevent unintended behavior related to OS signals`;
          this.#add('JSONArgsRecommended', instruction, message);
        }
        break;
      case 'shell':
        this.#shell = true;
        break;
      case 'workdir':
        this.#checkWorkdir(instruction.path, instruction);
        break;
      case 'expose':
        for (const port of instruction.ports) this.#checkPort(port, instruction);
        break;
      case 'copy':
      case 'add':
        this.#checkSources(instruction);
        break;
      case 'onbuild':
        this.#onbuild.push(instruction.trigger);
        break;
      default:
    }
  }

  /** The earlier one is reported: it is the one that has no effect. */
  #checkOnce(instruction: Instruction): void {
    const earlier = this.#earlier.get(instruction.kind);
    this.#earlier.set(instruction.kind, instruction.location);
    if (!earlier) return;
    const message = `Multiple ${keywordOf(instruction)} instructions should not be used in the same stage because only the last one will be used`;
    this.#o.report.add('MultipleInstructionsDisallowed', earlier, message, instruction.comments);
  }

  #checkLegacy(instruction: Instruction, legacy: boolean): void {
    const name = keywordOf(instruction);
    if (legacy)
      this.#add(
        'LegacyKeyValueFormat',
        instruction,
        `"${name} key=value" should be used instead of legacy "${name} key value" format`,
      );
  }

  #checkSecret(kind: 'ARG' | 'ENV', key: string, instruction: Instruction): void {
    if (!looksSecret(key)) return;
    const message = `Do not use ARG or ENV instructions for sensitive data (${kind} "${key}")`;
    this.#add('SecretsUsedInArgOrEnv', instruction, message);
  }

  /** Only a stage's first: mending it mends the others. */
  #checkWorkdir(path: string, instruction: Instruction): void {
    if (!this.#workdirSet && !path.startsWith('/')) {
      const message = `Relative workdir ${JSON.stringify(path)} can have unexpected results if the base image changes`;
      this.#add('WorkdirRelativePath', instruction, message);
    }
    this.#workdirSet = true;
  }

  #checkPort(port: string, instruction: Instruction): void {
    const spec = attempt(() => parsePortSpec(port));
    if (!spec) return;
    if (spec.protocol !== spec.protocol.toLowerCase()) {
      const message = `Defined protocol '${port}' in EXPOSE instruction should be lowercase`;
      this.#add('ExposeProtoCasing', instruction, message);
    }
    if (spec.mapped) {
      const message = `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`;
      this.#add('ExposeInvalidFormat', instruction, message);
    }
  }

  /** As BuildKit, it says nothing when the rules re-include: what they mean for a folder cannot be told from them alone. */
  #checkSources(instruction: CopyInstruction | AddInstruction): void {
    const { ignore } = this.#o.facts;
    if (!ignore || ignore.reincludes || (instruction.kind === 'copy' && instruction.from !== undefined)) return;
    for (const source of instruction.sources) {
      if (instruction.kind === 'add' && isRemote(source)) continue;
      const path = cleanPath(source);
      const isRoot = path === '.' || path === '/';
      if (isRoot ? !ignore.ignoresEverything : !ignore.ignores(path)) continue;
      const command = instruction.kind === 'add' ? 'Add' : 'Copy';
      const message = `Attempting to ${command} file ${JSON.stringify(path)} that is excluded by .dockerignore`;
      this.#add('CopyIgnoredFile', instruction, message);
    }
  }

  #visitArg(instruction: ArgInstruction): void {
    const { given } = this.#o.facts;
    for (const { key, default: own } of instruction.args) {
      this.#checkSecret('ARG', key, instruction);
      const value = given.get(key) ?? this.#defaultOf(own, instruction) ?? this.#o.globals.get(key);
      if (value !== undefined && !NOT_ENV.includes(key)) this.#env.set(key, value);
      this.#declared.add(key);
    }
  }

  #defaultOf(written: string | undefined, instruction: ArgInstruction): string | undefined {
    if (written === undefined) return undefined;
    const { escape } = this.#o;
    const expanded = attempt(() => expandWord(written, this.#env, { escape }));
    if (expanded) this.#reportUndefined(instruction, expanded.unset);
    return expanded?.value;
  }

  #reportUndefined(instruction: Instruction, unset: ReadonlySet<string>): void {
    if (!this.#envKnown) return;
    for (const name of unset) {
      if (this.#declared.has(name) || NOT_ENV.includes(name)) continue;
      const near = nearest(name, this.#env.keys());
      const message = `Usage of undefined variable '$${name}'${near === undefined ? '' : ` (did you mean $${near}?)`}`;
      this.#add('UndefinedVar', instruction, message);
    }
  }

  #add(rule: CheckName, { location, comments }: Instruction, message: string): void {
    this.#o.report.add(rule, location, message, comments);
  }
}

function isRemote(source: string): boolean {
  return /^(?:https?|git|ssh):\/\/|^git@/.test(source);
}
