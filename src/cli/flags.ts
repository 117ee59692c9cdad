import { UsageError } from './usage-error.ts';

export type FlagKind = 'bool' | 'text' | 'list' | 'int';

export interface Flag {
  readonly name: string;
  readonly short?: string | undefined;
  readonly kind: FlagKind;
  readonly help: string;
  /** Accepted, not shown. */
  readonly hidden?: boolean;
}

/** Short ways to write a table of flags: `bool('rm', '', 'Remove …')`. */
export function bool(name: string, short: string, help: string): Flag {
  return { name, short: short || undefined, kind: 'bool', help };
}
export function text(name: string, short: string, help: string): Flag {
  return { name, short: short || undefined, kind: 'text', help };
}
export function list(name: string, short: string, help: string): Flag {
  return { name, short: short || undefined, kind: 'list', help };
}
export function int(name: string, short: string, help: string): Flag {
  return { name, short: short || undefined, kind: 'int', help };
}

/** The values of a command line's flags, by long name. */
export class FlagValues {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  bool(name: string): boolean {
    return this.text(name) === 'true';
  }

  /** The last value given. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  int(name: string): number | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : Number(value);
  }
}

export interface ParsedArguments {
  readonly flags: FlagValues;
  readonly args: readonly string[];
}

/**
 * Parses arguments by Docker's conventions: `--flag value`, `--flag=value`, `-it`, `-p80:80`, repetition, `--`.
 * Flags may follow positionals unless `stopAtPositional`.
 * @throws {UsageError}
 */
export function parseArguments(
  argv: readonly string[],
  flags: readonly Flag[],
  options: { stopAtPositional?: boolean } = {},
): ParsedArguments {
  const parser = new ArgumentParser(argv, flags, options.stopAtPositional ?? false);
  return parser.parse();
}

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

class ArgumentParser {
  readonly #argv: readonly string[];
  readonly #flags: readonly Flag[];
  readonly #stopAtPositional: boolean;
  readonly #values = new Map<string, string[]>();
  #next = 0;

  constructor(argv: readonly string[], flags: readonly Flag[], stopAtPositional: boolean) {
    this.#argv = argv;
    this.#flags = flags;
    this.#stopAtPositional = stopAtPositional;
  }

  parse(): ParsedArguments {
    const args: string[] = [];
    while (this.#next < this.#argv.length) {
      const word = this.#argv[this.#next++] ?? '';
      if (word === '--') {
        args.push(...this.#argv.slice(this.#next));
        break;
      }
      if (word.startsWith('--')) this.#takeLong(word);
      else if (word.startsWith('-') && word !== '-') this.#takeShorts(word);
      else {
        args.push(word);
        if (!this.#stopAtPositional) continue;
        args.push(...this.#argv.slice(this.#next));
        break;
      }
    }
    return { flags: new FlagValues(this.#values), args };
  }

  #takeLong(word: string): void {
    const equals = word.indexOf('=');
    const name = word.slice(2, equals < 0 ? undefined : equals);
    const flag = this.#flags.find((candidate) => candidate.name === name);
    if (flag === undefined) throw new UsageError(`unknown flag: --${name}`);
    if (equals >= 0) this.#set(flag, word.slice(equals + 1), `--${name}`);
    else if (flag.kind === 'bool') this.#set(flag, 'true', `--${name}`);
    else this.#set(flag, this.#value(`flag needs an argument: --${name}`), `--${name}`);
  }

  #takeShorts(word: string): void {
    for (let at = 1; at < word.length; at++) {
      const short = word[at] ?? '';
      const flag = this.#flags.find((candidate) => candidate.short === short);
      if (flag === undefined) throw new UsageError(`unknown shorthand flag: '${short}' in ${word}`);
      const shown = `-${short}, --${flag.name}`;
      const rest = word.slice(at + 1);
      if (rest.startsWith('=')) return this.#set(flag, rest.slice(1), shown);
      if (flag.kind === 'bool') {
        this.#set(flag, 'true', shown);
        continue;
      }
      const value = rest === '' ? this.#value(`flag needs an argument: '${short}' in ${word}`) : rest;
      return this.#set(flag, value, shown);
    }
  }

  #value(problem: string): string {
    const value = this.#argv[this.#next++];
    if (value === undefined) throw new UsageError(problem);
    return value;
  }

  #set(flag: Flag, value: string, shown: string): void {
    const invalid = (why: string): UsageError =>
      new UsageError(`invalid argument "${value}" for "${shown}" flag: ${why}`);
    let stored = value;
    if (flag.kind === 'bool') {
      if (!TRUE.has(value) && !FALSE.has(value)) throw invalid(`strconv.ParseBool: parsing "${value}": invalid syntax`);
      stored = String(TRUE.has(value));
    }
    if (flag.kind === 'int' && !/^[-+]?\d+$/.test(value))
      throw invalid(`strconv.ParseInt: parsing "${value}": invalid syntax`);
    const values = this.#values.get(flag.name);
    if (flag.kind === 'list' && values !== undefined) values.push(stored);
    else this.#values.set(flag.name, [stored]);
  }
}
