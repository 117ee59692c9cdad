import { Problem } from '../dockerfile-error.ts';

/** Readers for values written the way Go's libraries write them. */

const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  '\u00b5s': 1e3,
  '\u03bcs': 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const MAX_NS = 2 ** 63;

/** A Go duration such as "1h30m" or "1.5s" in nanoseconds. */
export function parseDuration(text: string): number {
  const bad = new Problem(`time: invalid duration ${JSON.stringify(text)}`, text);
  const sign = /^[-+]/.exec(text)?.[0] ?? '';
  let rest = text.slice(sign.length);
  if (rest === '0') return 0;
  if (rest === '' || text.length > 100) throw bad;
  let total = 0;
  while (rest !== '') {
    const part = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest);
    if (!part) throw bad;
    total += Number(part[1]) * unitNs(part[2] ?? '', text);
    rest = rest.slice(part[0].length);
  }
  if (total >= MAX_NS) throw bad;
  return Math.trunc(sign === '-' ? -total : total);
}

function unitNs(unit: string, text: string): number {
  const quoted = JSON.stringify(text);
  if (unit === '') throw new Problem(`time: missing unit in duration ${quoted}`, text);
  const ns = Object.hasOwn(UNIT_NS, unit) ? UNIT_NS[unit] : undefined;
  if (ns === undefined) throw new Problem(`time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`, text);
  return ns;
}

const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

/** strconv.ParseBool; undefined when it would fail. */
export function parseGoBoolean(text: string): boolean | undefined {
  if (TRUE.includes(text)) return true;
  return FALSE.includes(text) ? false : undefined;
}

/** An unsigned number of at most 32 bits in base 8 or 10; undefined when it is none. */
export function parseUint32(text: string, base: 8 | 10): number | undefined {
  const digits = base === 8 ? /^[0-7]{1,32}$/ : /^[0-9]{1,32}$/;
  const value = digits.test(text) ? Number.parseInt(text, base) : Number.NaN;
  return value < 2 ** 32 ? value : undefined;
}

const SIZE = /^(\d{1,18}(?:\.\d{1,18})?) ?([kmgtp]?)i?b?$/i;

/** A size such as "64m" or "1.5GiB" in bytes (powers of 1024); undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (!match) return undefined;
  const power = 'kmgtp'.indexOf((match[2] ?? '').toLowerCase() || ' ') + 1;
  return Math.trunc(Number(match[1]) * 1024 ** power);
}
