import { LadingError } from '../../errors/index.ts';
import { isObject } from '../../oci/index.ts';

/** Checks one value, throwing `invalid_argument` that names the field. */
export type Check = (value: unknown, field: string) => void;

function kind(wanted: string, test: (value: unknown) => boolean): Check {
  return (value, field) => {
    if (!test(value))
      throw new LadingError(
        'invalid_argument',
        `invalid ${field}: ${JSON.stringify(value)?.slice(0, 120)}: ${wanted} is wanted`,
      );
  };
}

export const string = kind('a string', (value) => typeof value === 'string');
export const integer = kind('an integer', (value) => Number.isSafeInteger(value));
export const boolean = kind('true or false', (value) => typeof value === 'boolean');
export const object = kind('an object', isObject);

/** A list of items; null items fail. */
export function list(item: Check): Check {
  return (value, field) => {
    kind('a list', Array.isArray)(value, field);
    (value as unknown[]).forEach((entry, index) => item(entry, `${field}[${index}]`));
  };
}

/** An object used as a map. */
export function map(item: Check): Check {
  return (value, field) => {
    object(value, field);
    for (const [key, entry] of Object.entries(value as object)) item(entry, `${field}["${key}"]`);
  };
}

export function nullable(item: Check): Check {
  return (value, field) => {
    if (value !== null) item(value, field);
  };
}

/** An object whose known members are checked when present and not null; others are let through. */
export function shape(members: Readonly<Record<string, Check>>): Check {
  return (value, field) => {
    object(value, field);
    for (const [key, check] of Object.entries(members)) {
      const member = (value as Record<string, unknown>)[key];
      if (member !== undefined && member !== null) check(member, `${field}.${key}`);
    }
  };
}

/** The known members of a JSON object, checked; absent and null ones are left out. @throws invalid_argument */
export function pick(value: unknown, members: Readonly<Record<string, Check>>, field: string): Record<string, unknown> {
  object(value, field);
  const source = value as Record<string, unknown>;
  const result: Record<string, unknown> = {};
  for (const [key, check] of Object.entries(members)) {
    const member = source[key];
    if (member === undefined || member === null) continue;
    check(member, `${field}.${key}`);
    result[key] = member;
  }
  return result;
}

/** Go's zero values mean "not set" in most of Docker's structures. */
export function isZero(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

export function withoutZeros(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => !isZero(member)));
}
