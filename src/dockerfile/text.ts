/** Text helpers with Go's idea of white space, which is the Dockerfile language's. */

const SPACE = /[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** Whether one UTF-16 unit is white space (Go's unicode.IsSpace). */
export function isSpace(ch: string): boolean {
  return SPACE.test(ch);
}

export function trimStart(text: string): string {
  let start = 0;
  while (start < text.length && isSpace(text.charAt(start))) start++;
  return text.slice(start);
}

export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

export function trimSpace(text: string): string {
  return trimEnd(trimStart(text));
}

const BLANKS = /[\t\v\f\r ]+/;

/** Splits on runs of blanks; other Unicode spaces belong to words. */
export function splitBlanks(text: string): string[] {
  return text.split(BLANKS);
}

/** The text before and after the first run of blanks; `rest` is undefined when there is none. */
export function cutBlanks(text: string): { first: string; rest: string | undefined } {
  const match = BLANKS.exec(text);
  if (!match) return { first: text, rest: undefined };
  return { first: text.slice(0, match.index), rest: text.slice(match.index + match[0].length) };
}

/** The text before and after the first `separator`; `after` is undefined when it does not occur. */
export function cut(text: string, separator: string): { before: string; after: string | undefined } {
  const at = text.indexOf(separator);
  if (at < 0) return { before: text, after: undefined };
  return { before: text.slice(0, at), after: text.slice(at + separator.length) };
}

/** A Dockerfile is hostile input: nothing of it may steer the terminal. Tabs and line breaks stay. */
export function withoutControls(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}
