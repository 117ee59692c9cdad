import type { Client } from '../client/index.ts';
import type { Flag, FlagValues } from './flags.ts';

/** What a command may touch of the world; tests give their own. */
export interface Context {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Connects when first used, starting the default daemon when none runs. */
  readonly client: Client;
  /** Folder of config.json; undefined is the default. */
  readonly configDir: string | undefined;
}

export interface Invocation {
  readonly args: readonly string[];
  readonly flags: FlagValues;
  readonly context: Context;
}

/** One verb. Verbs live in `command/<noun>/<verb>.ts` and are loaded when called. */
export interface Command {
  /** "container run" or "run", without "lading". */
  readonly name: string;
  readonly summary: string;
  /** After the name: "[OPTIONS] IMAGE [COMMAND] [ARG...]". */
  readonly usage: string;
  readonly flags: readonly Flag[];
  readonly examples?: readonly string[];
  /** Least and most positionals; default [0, 0]. */
  readonly arity?: readonly [number, number];
  /** Flags end at the first positional: what follows is the contained command's. */
  readonly stopAtPositional?: boolean;
  /** Returns the exit status; nothing is 0. */
  run(invocation: Invocation): Promise<number | void>;
}

/** As many positionals as you like. */
export const ANY = Number.POSITIVE_INFINITY;
