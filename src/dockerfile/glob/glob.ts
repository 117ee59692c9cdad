import { LadingError } from '../../errors/index.ts';

/**
 * One state of a glob compiled to a nondeterministic automaton. `one` consumes a matching code point,
 * `many` consumes any number, `dirs` consumes nothing or everything up to and including some "/".
 */
type State =
  | { readonly kind: 'one' | 'many'; readonly accepts: (ch: string) => boolean; readonly literal?: string }
  | { readonly kind: 'dirs' }
  | { readonly kind: 'inDirs' };

/** A compiled glob. Matching is linear in path length times pattern length: no backtracking, whatever the pattern. */
export interface Glob {
  matches(path: string): boolean;
  /** Whether some longer text starting with `prefix` may match. */
  mayMatchWithPrefix(prefix: string): boolean;
}

const notSlash = (ch: string): boolean => ch !== '/';
const anything = (): boolean => true;

/**
 * Compiles a Go filepath.Match pattern; with `doubleStar`, `**` crosses folders as in .dockerignore.
 *
 * @throws LadingError invalid_argument for a malformed class or a trailing backslash
 */
export function compileGlob(pattern: string, options: { doubleStar?: boolean } = {}): Glob {
  const states = compile(Array.from(pattern), options.doubleStar ?? false, pattern);
  const { prefix, suffix, exact } = literalEnds(states);
  return {
    matches: (path) => {
      // Most paths differ from most patterns in their ends: no automaton needed to see it.
      if (!path.startsWith(prefix) || !path.endsWith(suffix)) return false;
      return exact ? path === prefix : run(states, path).has(states.length);
    },
    mayMatchWithPrefix: (prefix) => run(states, prefix).size > 0,
  };
}

/** The literal characters every match starts and ends with. */
function literalEnds(states: readonly State[]): { prefix: string; suffix: string; exact: boolean } {
  const literals = states.map((state) => (state.kind === 'one' ? state.literal : undefined));
  const first = literals.indexOf(undefined);
  const last = literals.lastIndexOf(undefined);
  const exact = first < 0;
  return {
    prefix: literals.slice(0, exact ? undefined : first).join(''),
    suffix: literals.slice(last + 1).join(''),
    exact,
  };
}

function compile(chars: readonly string[], doubleStar: boolean, pattern: string): State[] {
  const states: State[] = [];
  for (let at = 0; at < chars.length;) {
    const ch = chars[at] ?? '';
    if (ch === '*' && doubleStar && chars[at + 1] === '*') {
      at += chars[at + 2] === '/' ? 3 : 2;
      if (at >= chars.length) states.push({ kind: 'many', accepts: anything });
      else states.push({ kind: 'dirs' }, { kind: 'inDirs' });
    } else if (ch === '*') {
      states.push({ kind: 'many', accepts: notSlash });
      at++;
    } else if (ch === '?') {
      states.push({ kind: 'one', accepts: notSlash });
      at++;
    } else if (ch === '[') {
      const parsed = parseClass(chars, at + 1, pattern);
      states.push({ kind: 'one', accepts: parsed.accepts });
      at = parsed.next;
    } else {
      const literal = unescape(chars, at, pattern);
      states.push({ kind: 'one', accepts: (other) => other === literal.ch, literal: literal.ch });
      at = literal.next;
    }
  }
  return states;
}

function parseClass(chars: readonly string[], start: number, pattern: string) {
  let at = start;
  const negated = chars[at] === '^';
  if (negated) at++;
  const ranges: [number, number][] = [];
  while (chars[at] !== ']' || ranges.length === 0) {
    if (chars[at] === '-' || chars[at] === ']') throw badPattern(pattern);
    const low = unescape(chars, at, pattern);
    at = low.next;
    let high = low.ch;
    if (chars[at] === '-') {
      if (chars[at + 1] === '-' || chars[at + 1] === ']') throw badPattern(pattern);
      const end = unescape(chars, at + 1, pattern);
      [high, at] = [end.ch, end.next];
    }
    ranges.push([low.ch.codePointAt(0) ?? 0, high.codePointAt(0) ?? 0]);
  }
  const accepts = (ch: string): boolean => {
    const code = ch.codePointAt(0) ?? 0;
    return ranges.some(([low, high]) => code >= low && code <= high) !== negated;
  };
  return { accepts, next: at + 1 };
}

function unescape(chars: readonly string[], at: number, pattern: string): { ch: string; next: number } {
  const start = chars[at] === '\\' ? at + 1 : at;
  const ch = chars[start];
  if (ch === undefined) throw badPattern(pattern);
  return { ch, next: start + 1 };
}

function badPattern(pattern: string): LadingError {
  return new LadingError('invalid_argument', `syntax error in pattern: ${JSON.stringify(pattern.slice(0, 200))}`);
}

/** The states alive after the whole text; `states.length` among them means a match. */
function run(states: readonly State[], text: string): ReadonlySet<number> {
  let alive = new Set<number>();
  enter(states, 0, alive);
  for (const ch of text) {
    const next = new Set<number>();
    for (const at of alive) step(states, at, ch, next);
    if (next.size === 0) return next;
    alive = next;
  }
  return alive;
}

function step(states: readonly State[], at: number, ch: string, next: Set<number>): void {
  const state = states[at];
  if (!state || state.kind === 'dirs') return;
  if (state.kind === 'inDirs') {
    next.add(at);
    if (ch === '/') enter(states, at + 1, next);
  } else if (state.accepts(ch)) {
    enter(states, state.kind === 'many' ? at : at + 1, next);
  }
}

/** Adds a state and all that are reached from it without consuming anything. */
function enter(states: readonly State[], from: number, alive: Set<number>): void {
  for (let at = from; !alive.has(at);) {
    alive.add(at);
    const kind = states[at]?.kind;
    if (kind === 'many') at++;
    else if (kind === 'dirs') {
      alive.add(at + 1);
      at += 2;
    }
  }
}

/**
 * Whether a path matches a pattern, with the semantics of Go's filepath.Match: `*` and `?` stay inside
 * one path component, `[a-z]` `[^a-z]` classes, `\` escapes. For the sources of COPY and ADD.
 *
 * @throws LadingError invalid_argument when the pattern is malformed
 */
export function matchGlob(pattern: string, path: string): boolean {
  return compileGlob(pattern).matches(path);
}
