import { LadingError } from '../../errors/index.ts';

const MAX_PATTERN = 256;

/** Docker's name filters are regular expressions. Those that could run for long are refused. */
export function matchesName(pattern: string, names: readonly string[]): boolean {
  if (names.includes(pattern)) return true;
  const expression = nameExpression(pattern);
  return names.some((name) => expression.test(name));
}

function nameExpression(pattern: string): RegExp {
  const unbounded = pattern.match(/[*+]|\{\d*,/g)?.length ?? 0;
  if (pattern.length > MAX_PATTERN || unbounded > 3 || /\)[*+?{]|\\[1-9k]/.test(pattern))
    throw new LadingError('invalid_argument', `invalid name filter: "${pattern.slice(0, 100)}": it is too complex`);
  try {
    return new RegExp(pattern);
  } catch {
    throw new LadingError('invalid_argument', `invalid name filter: "${pattern}": it is no regular expression`);
  }
}

/** "key" or "key=value"; all must hold. */
export function matchesLabels(
  wanted: readonly string[] | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (wanted ?? []).every((text) => {
    const equals = text.indexOf('=');
    if (equals < 0) return Object.hasOwn(labels, text);
    const key = text.slice(0, equals);
    return Object.hasOwn(labels, key) && labels[key] === text.slice(equals + 1);
  });
}

/** Go's path.Match for "*" and "?": neither crosses a slash. Linear in time and memory for hostile patterns. */
export function matchesGlob(pattern: string, value: string): boolean {
  let [p, v, star, mark] = [0, 0, -1, 0];
  while (v < value.length) {
    const wanted = pattern[p];
    if (wanted === '*') [star, mark, p] = [p, v, p + 1];
    else if (wanted !== undefined && (wanted === value[v] || (wanted === '?' && value[v] !== '/')))
      [p, v] = [p + 1, v + 1];
    else if (star >= 0 && value[mark] !== '/') [p, mark, v] = [star + 1, mark + 1, mark + 1];
    else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/** "true" or "1" as the last value of a boolean filter; undefined when it was not given. @throws invalid_argument */
export function booleanFilter(name: string, values: readonly string[] | undefined): boolean | undefined {
  const value = values?.at(-1);
  if (value === undefined) return undefined;
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw new LadingError('invalid_argument', `invalid filter '${name}=${value.slice(0, 100)}'`);
}
