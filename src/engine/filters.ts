import { LadingError } from '../errors/index.ts';
import type { Filters } from './types.ts';

/** Docker's `label` and `label!` filters: every one must hold. */
export function matchesLabels(labels: Readonly<Record<string, string>>, filters: Filters): boolean {
  const holds = (text: string): boolean => {
    const at = text.indexOf('=');
    return at < 0 ? text in labels : labels[text.slice(0, at)] === text.slice(at + 1);
  };
  return (filters['label'] ?? []).every(holds) && !(filters['label!'] ?? []).some(holds);
}

/** Docker's `until` filter of prunes: older than a time or a duration. @throws invalid_argument */
export function matchesUntil(createdAt: string, filters: Filters, now = Date.now()): boolean {
  const until = filters['until']?.[0];
  return until === undefined || Date.parse(createdAt) < parseUntil(until, now);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A moment in milliseconds from "24h", "10m30s", a Unix time in seconds or RFC 3339. @throws invalid_argument */
export function parseUntil(text: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    let ms = 0;
    for (const [, amount, , unit = 's'] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h)/g))
      ms += Number(amount) * (UNITS[unit] ?? 0);
    return now - ms;
  }
  const parsed = Date.parse(text);
  if (Number.isNaN(parsed))
    throw new LadingError('invalid_argument', `invalid filter 'until=${text}'`, {
      hint: 'use a duration (24h) or a time (RFC 3339)',
    });
  return parsed;
}
