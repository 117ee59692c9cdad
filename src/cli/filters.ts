import type { Filters } from '../client/index.ts';
import { UsageError } from './usage-error.ts';

/** `--filter key=value`, repeated. @throws {UsageError} */
export function parseFilters(words: readonly string[], more: Filters = {}): Filters {
  const filters: Record<string, string[]> = {};
  for (const [key, values] of Object.entries(more)) filters[key] = [...values];
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 1) throw new UsageError(`invalid argument "${word}" for "-f, --filter" flag: invalid filter '${word}'`);
    (filters[word.slice(0, at).trim().toLowerCase()] ??= []).push(word.slice(at + 1).trim());
  }
  return filters;
}
