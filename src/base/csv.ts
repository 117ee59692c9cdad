import { LadingError } from '../errors/index.ts';

/** Splits one line of comma-separated values; a field in double quotes may hold commas, "" is a quote. @throws invalid_argument */
export function parseCsv(line: string, what: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    const { value, end } = line[at] === '"' ? quotedField(line, at, what) : plainField(line, at, what);
    fields.push(value);
    if (end >= line.length) return fields;
    at = end + 1;
  }
}

function plainField(line: string, start: number, what: string): { value: string; end: number } {
  const comma = line.indexOf(',', start);
  const end = comma < 0 ? line.length : comma;
  const value = line.slice(start, end);
  if (value.includes('"')) throw bad(what, 'bare " in non-quoted field');
  return { value, end };
}

function quotedField(line: string, start: number, what: string): { value: string; end: number } {
  let value = '';
  for (let at = start + 1; at < line.length; at++) {
    if (line[at] !== '"') value += line.charAt(at);
    else if (line[at + 1] === '"') value += line.charAt(at++);
    else if (at + 1 === line.length || line[at + 1] === ',') return { value, end: at + 1 };
    else break;
  }
  throw bad(what, 'extraneous or missing " in quoted-field');
}

function bad(what: string, reason: string): LadingError {
  return new LadingError('invalid_argument', `failed to parse csv ${what}: ${reason}`);
}
