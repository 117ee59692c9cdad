import { Problem } from '../dockerfile-error.ts';

/** A shell pattern inside `${x#pattern}`: literal characters, `?` and `*` (neither crosses a newline), no classes. */
type Token = { readonly kind: 'char'; readonly ch: string } | { readonly kind: 'any' } | { readonly kind: 'star' };

/** Work allowed for one substitution: input is hostile and matching is quadratic. */
const MAX_STEPS = 20_000_000;
export const MAX_EXPANDED = 1 << 20;

/** Removes the shortest or longest match from the start of a value: `${x#p}` and `${x##p}`. */
export function removePrefix(value: string, pattern: string, longest: boolean): string {
  const chars = Array.from(value);
  const end = new Matcher(parsePattern(pattern)).matchAt(chars, 0, longest);
  return end === undefined ? value : chars.slice(end).join('');
}

/** Removes the shortest or longest match from the end of a value: `${x%p}` and `${x%%p}`. */
export function removeSuffix(value: string, pattern: string, longest: boolean): string {
  const chars = Array.from(value).reverse();
  const end = new Matcher(parsePattern(pattern).reverse()).matchAt(chars, 0, longest);
  return end === undefined ? value : chars.slice(end).reverse().join('');
}

/** Replaces the first or every longest match: `${x/p/r}` and `${x//p/r}`. */
export function replaceMatches(value: string, pattern: string, replacement: string, all: boolean): string {
  const chars = Array.from(value);
  const matcher = new Matcher(parsePattern(pattern));
  let result = '';
  let lastEnd = -1;
  let at = 0;
  while (at <= chars.length) {
    const end = lastEnd >= 0 && !all ? undefined : matcher.matchAt(chars, at, true);
    if (end !== undefined && !(end === at && at === lastEnd)) {
      result += replacement;
      lastEnd = end;
    }
    if (end !== undefined && end > at) at = end;
    else result += chars[at++] ?? '';
    if (result.length > MAX_EXPANDED) throw tooLarge();
  }
  return result;
}

export function tooLarge(): Problem {
  return new Problem(`expansion is larger than ${MAX_EXPANDED} characters`);
}

function parsePattern(pattern: string): Token[] {
  const chars = Array.from(pattern);
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; at++) {
    let ch = chars[at] ?? '';
    if (ch === '*') tokens.push({ kind: 'star' });
    else if (ch === '?') tokens.push({ kind: 'any' });
    else {
      if (ch === '\\') ch = escaped(chars[++at], pattern);
      tokens.push({ kind: 'char', ch });
    }
  }
  return tokens;
}

function escaped(ch: string | undefined, pattern: string): string {
  if (ch !== undefined && '}/*?\\'.includes(ch)) return ch;
  throw new Problem(`invalid pattern (${pattern}) in substitution: invalid escape '\\${ch ?? ''}'`);
}

class Matcher {
  readonly #tokens: readonly Token[];
  #steps = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** Where the shortest or longest match that starts at `start` ends, or undefined. */
  matchAt(chars: readonly string[], start: number, longest: boolean): number | undefined {
    let found: number | undefined;
    let alive = this.#close([0]);
    for (let at = start; alive.length > 0; at++) {
      if (alive.at(-1) === this.#tokens.length) {
        found = at;
        if (!longest) return found;
      }
      const ch = chars[at];
      if (ch === undefined) break;
      alive = this.#close(this.#advance(alive, ch));
    }
    return found;
  }

  /** States after one character, in ascending order. */
  #advance(alive: readonly number[], ch: string): number[] {
    const next: number[] = [];
    for (const state of alive) {
      const token = this.#tokens[state];
      if (!token) continue;
      if (token.kind === 'char' ? token.ch === ch : ch !== '\n') next.push(token.kind === 'star' ? state : state + 1);
    }
    return next;
  }

  /** Adds the states behind stars, which may match nothing; keeps ascending order without duplicates. */
  #close(states: readonly number[]): number[] {
    const closed: number[] = [];
    for (const state of states) {
      if (state <= (closed.at(-1) ?? -1)) continue;
      let at = state;
      closed.push(at);
      while (this.#tokens[at]?.kind === 'star') closed.push(++at);
    }
    this.#steps += closed.length + 1;
    if (this.#steps > MAX_STEPS) throw new Problem('pattern in substitution is too expensive to match');
    return closed;
  }
}
