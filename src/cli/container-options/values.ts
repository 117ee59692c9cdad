import { UsageError } from '../usage-error.ts';

const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
};

/** "512m", "1.5g", "64MiB" → bytes, as go-units' RAMInBytes. @throws {UsageError} */
export function parseBytes(text: string, flag: string): number {
  const match = /^(\d+(?:\.\d+)?)\s?([kmgtp])?(?:i?b)?$|^(\d+)b$/i.exec(text.trim());
  if (match === null) throw new UsageError(`invalid argument "${text}" for "--${flag}" flag: invalid size: '${text}'`);
  return Math.trunc(Number(match[1] ?? match[3]) * (SIZE_UNITS[(match[2] ?? 'b').toLowerCase()] ?? 1));
}

/** "1.5" processors → 1e-9 processors. @throws {UsageError} */
export function parseCpus(text: string): number {
  const value = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || value < 0)
    throw new UsageError(`invalid argument "${text}" for "--cpus" flag: failed to parse ${text} as a rational number`);
  return Math.round(value * 1e9);
}

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Go's duration ("1m30s", "500ms") → nanoseconds. @throws {UsageError} */
export function parseDuration(text: string, flag: string): number {
  if (text === '0') return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text))
    throw new UsageError(`invalid argument "${text}" for "--${flag}" flag: time: invalid duration "${text}"`);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(amount) * (NANOSECONDS[unit ?? ''] ?? 0);
  return Math.round(total);
}

/** "key=value" pairs; a key alone has the value "". */
export function keyValues(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}

/** "a=1,readonly" → entries; a key alone has undefined. Quoted fields as in CSV. @throws {UsageError} */
export function csvOptions(text: string): [string, string | undefined][] {
  const fields = text.match(/(?:"(?:[^"]|"")*"|[^,])+/g) ?? [];
  return fields.map((raw) => {
    const field = raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw;
    const at = field.indexOf('=');
    return at < 0 ? [field.toLowerCase(), undefined] : [field.slice(0, at).toLowerCase(), field.slice(at + 1)];
  });
}
