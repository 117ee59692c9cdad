import type { Span } from './logical-line.ts';

/** Replaces a part of the file. */
export interface Edit extends Span {
  readonly text: string;
}

/** Applies edits to a text. Equal ones count once; of two that meet, the first is done and the other is left for the next pass. */
export function applyEdits(source: string, edits: readonly Edit[]): string {
  const sorted = edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
  let result = '';
  let at = 0;
  let last: Edit | undefined;
  for (const edit of sorted) {
    if (edit.start < at || (last && sameEdit(last, edit))) continue;
    result += source.slice(at, edit.start) + edit.text;
    at = edit.end;
    last = edit;
  }
  return result + source.slice(at);
}

function sameEdit(a: Edit, b: Edit): boolean {
  return a.start === b.start && a.end === b.end && a.text === b.text;
}
