/** One challenge of a WWW-Authenticate header: scheme and parameter names in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const MAX_HEADER = 8192;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const PARAMETER = /\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))\s*/y;

/**
 * Reads a WWW-Authenticate header (RFC 9110, section 11.6.1), which may hold several challenges.
 * What cannot be understood is left out: an unknown challenge is the same as none.
 */
export function parseChallenges(header: string | undefined): Challenge[] {
  const text = (header ?? '').slice(0, MAX_HEADER);
  const challenges: Challenge[] = [];
  let position = 0;
  while (position < text.length) {
    position = skip(text, position, /[\s,]*/y);
    const scheme = match(TOKEN, text, position);
    if (!scheme) break;
    position += scheme[0].length;
    const parameters: Record<string, string> = {};
    position = readParameters(text, position, parameters);
    challenges.push({ scheme: scheme[0].toLowerCase(), parameters });
  }
  return challenges;
}

/** Reads `name=value` pairs until something else, such as the next scheme, begins. */
function readParameters(text: string, start: number, into: Record<string, string>): number {
  let position = start;
  for (;;) {
    const begin = skip(text, position, /[\s,]*/y);
    const pair = match(PARAMETER, text, begin);
    if (!pair) return position;
    into[(pair[1] as string).toLowerCase()] = pair[2]?.replace(/\\(.)/g, '$1') ?? pair[3] ?? '';
    position = begin + pair[0].length;
  }
}

function match(pattern: RegExp, text: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

function skip(text: string, position: number, pattern: RegExp): number {
  return position + (match(pattern, text, position)?.[0].length ?? 0);
}
