import { LadingError } from '../errors/index.ts';
import { NEWLINE } from './newline.ts';
import { Reference, partsOf, type Text } from './values.ts';

/**
 * How values are written so that BuildKit's parser and word expansion give them back byte for byte. Every Dockerfile place has its own
 * layers: a flag is unquoted once, a mount is CSV inside a flag, an expanded value is a shell word, an array is JSON around words.
 */

/** What no layer gives a meaning to. */
// oxlint-disable-next-line no-control-regex
const PLAIN = /^[^\s\u0000-\u001f\u0085"'\\$<[]+$/;
/** The parser reads lines of less than 64 KiB. */
const MAX_LINE_BYTES = 60_000;

/** A shell word: as it is when nothing in it is special, else in double quotes; references stay replaceable. */
export function word(text: Text): string {
  const parts = partsOf(text);
  if (parts.length === 1 && typeof parts[0] === 'string' && PLAIN.test(parts[0])) return parts[0];
  if (parts.length > 0 && parts.every(isPlain)) return joined(parts);
  const inner = parts.map((part) =>
    part instanceof Reference ? part.syntax : part.replace(/["\\$]/g, '\\$&').replaceAll('\n', NEWLINE),
  );
  return `"${inner.join('')}"`;
}

function isPlain(part: string | Reference): boolean {
  return part instanceof Reference ? !/[\s"'\\]/.test(part.syntax) : PLAIN.test(part);
}

function joined(parts: readonly (string | Reference)[]): string {
  return parts.map((part) => (part instanceof Reference ? part.syntax : part)).join('');
}

/** The value of `--flag=`: quotes, backslashes and blanks survive its unquoting. `text` may be a word. */
export function flagValue(text: string): string {
  if (text.includes('\n'))
    throw new LadingError(
      'invalid_argument',
      `an option cannot hold a line break: ${JSON.stringify(text.slice(0, 200))}`,
    );
  return text.replace(/["'\\\s\u0085]/g, '\\$&');
}

/** One field of comma-separated values. */
export function csvField(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A JSON array of words, for the instructions whose arrays are expanded. */
export function jsonWords(texts: readonly Text[]): string {
  return json(texts.map(word));
}

/** A JSON array as Dockerfiles show it: ["a", "b"]. */
export function json(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(', ')}]`;
}

/** A name for a here-document that is no line of its content. */
export function heredocName(content: string): string {
  const lines = new Set(content.split('\n').map((line) => line.replace(/\r+$/, '')));
  for (let i = 0; ; i++) {
    const name = i === 0 ? 'EOF' : `EOF${i}`;
    if (!lines.has(name)) return name;
  }
}

/** The body of a here-document and its end. */
export function heredocBody(content: string, name: string): string {
  return `${content}${content === '' || content.endsWith('\n') ? '' : '\n'}${name}`;
}

/** A literal inside a here-document that is expanded. */
export function heredocText(text: Text): string {
  return partsOf(text)
    .map((part) => (part instanceof Reference ? part.syntax : part.replace(/[\\$]/g, '\\$&')))
    .join('');
}

/** A line too long for the parser, continued over several; the parser joins them without a trace. */
export function fold(line: string): string {
  if (Buffer.byteLength(line) <= MAX_LINE_BYTES) return line;
  const lines: string[] = [];
  let start = 0;
  while (start < line.length) {
    const end = foldAt(line, start);
    lines.push(line.slice(start, end));
    start = end;
  }
  return lines.join('\\\n');
}

/** A place to break: not behind a backslash, and so that the next line looks neither empty nor like a comment. */
function foldAt(line: string, start: number): number {
  // A UTF-16 unit is at most three bytes.
  let end = start + Math.floor(MAX_LINE_BYTES / 3);
  if (end >= line.length) return line.length;
  while (end > start && !(/[A-Za-z0-9]/.test(line[end] ?? '') && /[A-Za-z0-9]/.test(line[end - 1] ?? ''))) end--;
  if (end > start) return end;
  end = start + Math.floor(MAX_LINE_BYTES / 3);
  while (end > start && (/[\s#]/.test(line[end] ?? '') || line[end - 1] === '\\' || isLowSurrogate(line, end))) end--;
  return end > start ? end : line.length;
}

function isLowSurrogate(line: string, at: number): boolean {
  const code = line.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff;
}
