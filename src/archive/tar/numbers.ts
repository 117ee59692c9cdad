import { LadingError } from '../../errors/index.ts';

/** What tar numbers may be wrong with, before the entry's name is known. */
export function badTar(found: string): LadingError {
  return new LadingError('invalid_argument', `read tar: ${found}`);
}

/** Octal text, or base-256 when the first bit is set. @throws invalid_argument */
export function parseNumber(block: Buffer, start: number, length: number, field: string): number {
  const first = block[start]!;
  return first & 0x80 ? parseBase256(block, start, length, field) : parseOctal(block, start, length, field);
}

function parseOctal(block: Buffer, start: number, length: number, field: string): number {
  let at = start;
  const end = start + length;
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
  let value = 0;
  for (; at < end; at++) {
    const byte = block[at]!;
    if (byte === 0x20 || byte === 0) break;
    if (byte < 0x30 || byte > 0x37) throw badTar(`the header's ${field} is not an octal number`);
    value = value * 8 + (byte - 0x30);
  }
  return value;
}

function parseBase256(block: Buffer, start: number, length: number, field: string): number {
  const negative = (block[start]! & 0x40) !== 0;
  let value = negative ? (block[start]! & 0x7f) - 0x80 : block[start]! & 0x7f;
  for (let at = start + 1; at < start + length; at++) value = value * 256 + block[at]!;
  if (!Number.isSafeInteger(value)) throw badTar(`the header's ${field} is too large`);
  return value;
}

/** Zero-padded octal with a closing NUL. The caller has made sure that it fits. */
export function writeOctal(block: Buffer, value: number, start: number, length: number): void {
  block.write(value.toString(8).padStart(length - 1, '0'), start, length - 1, 'latin1');
}

/** Largest value an octal field of `length` bytes holds. */
export function octalLimit(length: number): number {
  return 8 ** (length - 1) - 1;
}

/** PAX time: decimal seconds with an optional fraction, possibly negative; digits past the ninth are dropped. */
export function parsePaxTime(text: string): { sec: number; nsec: number } {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (!match) throw badTar(`PAX mtime ${JSON.stringify(text.slice(0, 40))} is not a time`);
  const [, sign, whole, fraction = ''] = match;
  const sec = Number(whole);
  const nsec = Number(fraction.slice(0, 9).padEnd(9, '0'));
  if (sign === '') return { sec, nsec };
  return nsec === 0 ? { sec: sec === 0 ? 0 : -sec, nsec: 0 } : { sec: -sec - 1, nsec: 1_000_000_000 - nsec };
}

export function formatPaxTime(time: { sec: number; nsec: number }): string {
  if (time.nsec === 0) return String(time.sec);
  const negative = time.sec < 0;
  const sec = negative ? -time.sec - 1 : time.sec;
  const nsec = negative ? 1_000_000_000 - time.nsec : time.nsec;
  return `${negative ? '-' : ''}${sec}.${String(nsec).padStart(9, '0').replace(/0+$/, '')}`;
}
