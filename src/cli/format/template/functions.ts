import { templateError } from './lex.ts';

export type TemplateFunction = (...args: readonly unknown[]) => unknown;

/** Go's truth: empty values are false. */
export function isTrue(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value === 'object' ? Object.keys(value).length > 0 : true;
}

/** Go's fmt.Print of a value. */
export function display(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(inner).join(' ')}]`;
  if (typeof value === 'object')
    return `map[${Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${key}:${inner(item)}`)
      .join(' ')}]`;
  return String(value);
}

function inner(value: unknown): string {
  return value === undefined || value === null ? '<nil>' : display(value);
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = [String(a), String(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function indexInto(value: unknown, ...keys: readonly unknown[]): unknown {
  let found = value;
  for (const key of keys) {
    if (Array.isArray(found)) {
      if (typeof key !== 'number' || key < 0 || key >= found.length)
        throw templateError(`error calling index: index out of range: ${String(key)}`);
      found = found[key];
    } else if (typeof found === 'object' && found !== null) found = (found as Record<string, unknown>)[String(key)];
    else if (found === undefined || found === null) throw templateError('error calling index: index of untyped nil');
    else throw templateError(`error calling index: can't index item of type ${typeof found}`);
  }
  return found;
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  if (value === undefined || value === null) return 0;
  throw templateError(`error calling len: len of type ${typeof value}`);
}

function printf(format: unknown, ...args: readonly unknown[]): string {
  let next = 0;
  return String(format).replace(/%([-+ 0#]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g, (all, flags, width, precision, verb) => {
    if (verb === '%') return '%';
    const value = args[next++];
    let shown: string;
    if (verb === 'q') shown = JSON.stringify(display(value));
    else if (verb === 'f') shown = Number(value).toFixed(precision === undefined ? 6 : Number(precision));
    else if (verb === 'x')
      shown = typeof value === 'number' ? value.toString(16) : Buffer.from(String(value)).toString('hex');
    else if ('svdt'.includes(verb)) shown = display(value);
    else return all;
    return String(flags).includes('-') ? shown.padEnd(Number(width)) : shown.padStart(Number(width));
  });
}

function title(value: unknown): string {
  const word = String(value);
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

/** Go's built-in functions and Docker's additions. `and` and `or` are evaluated lazily by the evaluator. */
export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  json: (value) => JSON.stringify(value ?? null),
  join: (values, separator) => (Array.isArray(values) ? values.map(display).join(String(separator)) : display(values)),
  split: (value, separator) => String(value).split(String(separator)),
  lower: (value) => String(value).toLowerCase(),
  upper: (value) => String(value).toUpperCase(),
  title,
  pad: (value, left, right) => ' '.repeat(Number(left)) + display(value) + ' '.repeat(Number(right)),
  truncate: (value, length) => String(value).slice(0, Number(length)),
  println: (...values) => `${values.map(display).join(' ')}\n`,
  print: (...values) => values.map(display).join(''),
  printf,
  len: lengthOf,
  index: indexInto,
  slice: (value, from = 0, to = undefined) =>
    (value as string | unknown[]).slice(Number(from), to === undefined ? undefined : Number(to)),
  not: (value) => !isTrue(value),
  eq: (a, ...others) => others.some((other) => compare(a, other) === 0),
  ne: (a, b) => compare(a, b) !== 0,
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
  html: (value) => display(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
};
