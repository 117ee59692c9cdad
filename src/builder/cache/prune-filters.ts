import { parseDuration } from '../../dockerfile/index.ts';
import { LadingError } from '../../errors/index.ts';
import type { CacheRow } from './cache-rows.ts';

/** By name; a row goes when every name allows it, by one of its values. */
export type PruneFilters = Readonly<Record<string, readonly string[]>>;

type Test = (row: CacheRow) => boolean;

const TESTS: Readonly<Record<string, (value: string) => Test>> = {
  until: olderThan,
  'unused-for': olderThan,
  id: (value) => (row) => row.id.startsWith(value),
  parent: (value) => (row) => row.parents.some((parent) => parent.startsWith(value)),
  type: (value) => (row) => row.type === value,
  description: (value) => (row) => row.description.includes(value),
  inuse: (value) => is('inUse', flag('inuse', value)),
  shared: (value) => is('shared', flag('shared', value)),
  private: (value) => is('shared', !flag('private', value)),
};

/** Docker's filters of `builder prune`. @throws invalid_argument for one that is not known, or a value that cannot be */
export function pruneTest(filters: PruneFilters): Test {
  const tests = Object.entries(filters).map(([name, values]): Test => {
    const make = TESTS[name];
    if (!make)
      throw new LadingError('invalid_argument', `invalid filter '${name.slice(0, 100)}'`, {
        hint: `filters: ${Object.keys(TESTS).join(', ')}`,
      });
    const any = values.map((value) => make(value));
    return (row) => any.length === 0 || any.some((test) => test(row));
  });
  return (row) => tests.every((test) => test(row));
}

/** A duration back from now, a time, or seconds. */
function olderThan(text: string): Test {
  const time = timeOf(text);
  if (Number.isNaN(time)) throw new LadingError('invalid_argument', `invalid until filter: "${text.slice(0, 100)}"`);
  return ({ lastUsedAt }) => Date.parse(lastUsedAt) < time;
}

function is(field: 'inUse' | 'shared', wanted: boolean): Test {
  return (row) => row[field] === wanted;
}

function timeOf(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^\d{4}-/.test(text)) return Date.parse(text);
  try {
    return Date.now() - parseDuration(text) / 1e6;
  } catch {
    return Number.NaN;
  }
}

function flag(name: string, value: string): boolean {
  if (['', '1', 'true'].includes(value)) return true;
  if (['0', 'false'].includes(value)) return false;
  throw new LadingError('invalid_argument', `invalid filter '${name}=${value.slice(0, 100)}': true or false is wanted`);
}
