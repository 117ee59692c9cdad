import { Problem } from '../dockerfile-error.ts';
import { cut, cutBlanks, isSpace, splitBlanks, trimStart } from '../text.ts';
import type { EscapeCharacter } from './directives.ts';
import { splitQuotedWords } from './quoted-words.ts';

/** A `key=value` as written: quotes and variables are expanded later. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** The arguments of an instruction behind its flags. */
export interface Arguments {
  readonly args: readonly string[];
  /** The arguments were a JSON array. */
  readonly json?: boolean;
  /** ENV and LABEL only. */
  readonly pairs?: readonly KeyValue[];
  /** ENV and LABEL in the old form `ENV name value`. */
  readonly legacy?: boolean;
}

type ArgumentParser = (rest: string, escape: EscapeCharacter) => Arguments;

/** How each instruction splits its arguments; an unknown instruction is reported by the next stage. */
const PARSERS: Readonly<Record<string, ArgumentParser>> = {
  add: jsonOrWords,
  arg: (rest, escape) => ({ args: splitQuotedWords(rest, escape) }),
  cmd: jsonOrText,
  copy: jsonOrWords,
  entrypoint: jsonOrText,
  env: (rest, escape) => keyValues(rest, escape, 'ENV'),
  expose: words,
  from: words,
  healthcheck: typeThenJsonOrText,
  label: (rest, escape) => keyValues(rest, escape, 'LABEL'),
  maintainer: text,
  onbuild: text,
  run: jsonOrText,
  shell: jsonOrText,
  stopsignal: text,
  user: text,
  volume: jsonOrWords,
  workdir: text,
};

export const INSTRUCTION_NAMES: readonly string[] = Object.keys(PARSERS);

export function parseArguments(keyword: string, rest: string, escape: EscapeCharacter): Arguments {
  return Object.hasOwn(PARSERS, keyword) ? (PARSERS[keyword] ?? text)(rest, escape) : { args: [] };
}

function text(rest: string): Arguments {
  return { args: rest === '' ? [] : [rest] };
}

function words(rest: string): Arguments {
  return { args: rest === '' ? [] : splitBlanks(rest) };
}

function jsonOrText(rest: string): Arguments {
  return parseJson(rest) ?? text(rest);
}

function jsonOrWords(rest: string): Arguments {
  return parseJson(rest) ?? words(rest);
}

/** Text that is not valid JSON silently is not JSON; a JSON array of anything but strings is an error. */
function parseJson(rest: string): Arguments | undefined {
  if (!trimStart(rest).startsWith('[')) return undefined;
  const parsed = tryJson(rest);
  if (!Array.isArray(parsed)) return undefined;
  if (!parsed.every((item) => typeof item === 'string'))
    throw new Problem(
      'when using JSON array syntax, arrays must be comprised of strings only',
      '[',
      'put every element in double quotes',
    );
  return { args: parsed.map((item) => item.toWellFormed()), json: true };
}

function tryJson(rest: string): unknown {
  try {
    return JSON.parse(rest);
  } catch {
    return undefined;
  }
}

function typeThenJsonOrText(rest: string): Arguments {
  let end = 0;
  while (end < rest.length && !isSpace(rest.charAt(end))) end++;
  if (end === 0) return { args: [] };
  const command = jsonOrText(trimStart(rest.slice(end)));
  return { ...command, args: [rest.slice(0, end), ...command.args] };
}

/** `k=v k2=v2 …`, or the old `k value with spaces` when the first word has no "=". */
function keyValues(rest: string, escape: EscapeCharacter, name: string): Arguments {
  const found = splitQuotedWords(rest, escape);
  const [first] = found;
  if (first === undefined) return { args: [], pairs: [] };
  if (!first.includes('=')) {
    const { first: key, rest: value } = cutBlanks(rest);
    if (value === undefined) throw new Problem(`${name} must have two arguments`);
    return { args: [], pairs: [{ key, value }], legacy: true };
  }
  return { args: [], pairs: found.map(keyValue) };
}

function keyValue(word: string): KeyValue {
  const { before, after } = cut(word, '=');
  if (after === undefined) {
    const quoted = JSON.stringify(word);
    throw new Problem(`Syntax error - can't find = in ${quoted}. Must be of the form: name=value`, word);
  }
  return { key: before, value: after };
}
