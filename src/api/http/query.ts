import type { Filters } from '../../engine/index.ts';
import { LadingError } from '../../errors/index.ts';
import { parsePlatform, type Platform } from '../../oci/index.ts';
import { list, type Check } from './fields.ts';

const FALSE_WORDS = new Set(['', '0', 'no', 'false', 'none']);

/** Docker's booleans: everything but "", 0, no, false and none is true. */
export function flag(query: URLSearchParams, name: string, fallback = false): boolean {
  const value = query.get(name);
  return value === null ? fallback : !FALSE_WORDS.has(value.trim().toLowerCase());
}

/** A non-empty text, or undefined. */
export function text(query: URLSearchParams, name: string): string | undefined {
  const value = query.get(name);
  return value === null || value === '' ? undefined : value;
}

/** A text that must be there. @throws invalid_argument */
export function requiredText(query: URLSearchParams, name: string): string {
  const value = text(query, name);
  if (value === undefined) throw new LadingError('invalid_argument', `missing query parameter: "${name}"`);
  return value;
}

/** @throws invalid_argument when it is no integer */
export function integer(query: URLSearchParams, name: string): number | undefined {
  const value = text(query, name);
  if (value === undefined) return undefined;
  if (!/^-?[0-9]{1,15}$/.test(value)) throw invalid(name, value, 'an integer is wanted');
  return Number(value);
}

/** Unix time "seconds[.fraction]" as milliseconds; Go durations and dates are turned into this by clients. */
export function timestampMs(query: URLSearchParams, name: string): number | undefined {
  const value = text(query, name);
  if (value === undefined || value === '0') return undefined;
  if (/^[0-9]{1,12}(\.[0-9]{1,9})?$/.test(value)) return Number(value) * 1000;
  const date = /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(date)) throw invalid(name, value, 'a Unix time is wanted');
  return date;
}

/** "linux/amd64", or since 1.48 a JSON platform. */
export function platform(query: URLSearchParams): Platform | undefined {
  const value = text(query, 'platform');
  if (value === undefined) return undefined;
  if (!value.startsWith('{')) return parsePlatform(value);
  const { os, architecture, variant } = jsonObject(query, 'platform') ?? {};
  return parsePlatform([os, architecture, variant].filter((part) => typeof part === 'string' && part !== '').join('/'));
}

function invalid(name: string, value: string, why: string): LadingError {
  return new LadingError('invalid_argument', `invalid value for "${name}": "${value.slice(0, 200)}": ${why}`);
}

/** A query value that holds a JSON object. @throws invalid_argument */
export function jsonObject(query: URLSearchParams, name: string): Record<string, unknown> | undefined {
  const value = text(query, name);
  if (value === undefined || value === 'null') return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    throw invalid(name, value, 'it is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalid(name, value, 'a JSON object is wanted');
  return parsed as Record<string, unknown>;
}

/** A query value that holds a JSON list; [] when absent. @throws invalid_argument */
export function jsonList(query: URLSearchParams, name: string, item: Check): unknown[] {
  const value = text(query, name);
  if (value === undefined || value === 'null') return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    throw invalid(name, value, 'it is not JSON');
  }
  list(item)(parsed, name);
  return parsed as unknown[];
}

/** A JSON object of texts; null members are dropped (`--build-arg NAME` without a value). */
export function jsonTexts(query: URLSearchParams, name: string): Record<string, string> {
  const entries = Object.entries(jsonObject(query, name) ?? {}).filter(([, value]) => value !== null);
  for (const [key, value] of entries)
    if (typeof value !== 'string') throw invalid(name, String(value), `"${key}" must be a string`);
  return Object.fromEntries(entries) as Record<string, string>;
}

function filterValues(name: string, value: unknown): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return Object.entries(value)
      .filter(([, wanted]) => wanted === true)
      .map(([key]) => key);
  throw new LadingError('invalid_argument', `invalid filter '${name}': a list of strings is wanted`);
}

/**
 * `filters` in both forms Docker reads: {"label":["a"]} and {"label":{"a":true}}.
 * @throws invalid_argument on bad JSON, or a key that is not accepted
 */
export function filters(query: URLSearchParams, accepted?: readonly string[]): Filters {
  const entries = Object.entries(jsonObject(query, 'filters') ?? {});
  for (const [name] of entries)
    if (accepted !== undefined && !accepted.includes(name))
      throw new LadingError('invalid_argument', `invalid filter '${name.slice(0, 100)}'`);
  return Object.fromEntries(entries.map(([name, value]) => [name, filterValues(name, value)]));
}
