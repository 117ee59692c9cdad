import { Problem } from '../dockerfile-error.ts';
import type { EscapeCharacter } from '../parser/directives.ts';
import { splitQuotedWords } from '../parser/quoted-words.ts';
import { expandWord } from '../shell/expand.ts';
import type { Env } from '../shell/word-lexer.ts';
import { isSpace } from '../text.ts';

/** Environments a rewritten value must agree in: nothing set, and everything set to something awkward. */
const ENVIRONMENTS: readonly Env[] = [new Map(), { get: () => 'a b\'"' } as unknown as Env];

/** What has to be put where into a value. */
export interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** What to insert into a legacy value so that it means the same behind "KEY="; undefined when nothing will do. */
export function pairInsertions(key: string, value: string, escape: EscapeCharacter): readonly Insertion[] | undefined {
  const quoted = [0, value.length].map((at) => ({ at, text: '"' }));
  const escaped = unquotedBlanks(value, escape).map((at) => ({ at, text: escape }));
  return [[], quoted, escaped].find((insertions) => meansTheSame(key, value, insert(value, insertions), escape));
}

function insert(value: string, insertions: readonly Insertion[]): string {
  return insertions.reduceRight((text, { at, text: more }) => text.slice(0, at) + more + text.slice(at), value);
}

function unquotedBlanks(value: string, escape: EscapeCharacter): number[] {
  const found: number[] = [];
  let quote = '';
  for (let at = 0; at < value.length; at++) {
    const ch = value.charAt(at);
    if (ch === escape && quote !== "'") at++;
    else if (quote === '' && (ch === "'" || ch === '"')) quote = ch;
    else if (ch === quote) quote = '';
    else if (quote === '' && isSpace(ch)) found.push(at);
  }
  return found;
}

/** A text that stands for itself, as a value behind "=". */
export function literal(text: string, escape: EscapeCharacter): string {
  return `"${text.replace(/["$\\`]/g, (ch) => (ch === '"' || ch === '$' || ch === escape ? escape + ch : ch))}"`;
}

function meansTheSame(key: string, old: string, now: string, escape: EscapeCharacter): boolean {
  const pair = `${key}=${now}`;
  const words = splitQuotedWords(pair, escape);
  if (words.length !== 1 || words[0] !== pair) return false;
  return ENVIRONMENTS.every((env) => {
    const [a, b] = [old, now].map((word) => tryExpand(word, env, escape));
    return a !== undefined && a === b;
  });
}

function tryExpand(word: string, env: Env, escape: EscapeCharacter): string | undefined {
  try {
    return expandWord(word, env, { escape }).value;
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}
