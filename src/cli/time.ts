import { parseDuration } from './container-options/values.ts';
import { UsageError } from './usage-error.ts';

/** A moment as the API takes it, in Unix seconds: from Unix seconds, a date, or a duration before now. @throws {UsageError} */
export function parseTime(text: string | undefined, nowMs: number = Date.now()): string | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return text;
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const ms = Date.parse(text);
    if (!Number.isNaN(ms)) return (ms / 1000).toFixed(9);
    throw new UsageError(`invalid time "${text}"`);
  }
  return ((nowMs - parseDuration(text, 'since') / 1e6) / 1000).toFixed(9);
}
