import type { SourceLocation } from '../dockerfile-error.ts';
import { withoutControls } from '../text.ts';

/** What `build --call` answers: text for people, the same data for programs. */
export interface CallAnswer {
  readonly text: string;
  readonly json: unknown;
  /** Something is wrong with the Dockerfile: the client ends with status 1. */
  readonly failed: boolean;
}

/** A location as BuildKit's JSON has it: one range a line. */
export function toJsonLocation({ startLine, endLine }: SourceLocation): object {
  const count = Math.max(1, endLine - startLine + 1);
  const ranges = Array.from({ length: count }, (_, i) => ({
    start: { line: startLine + i },
    end: { line: startLine + i },
  }));
  return { ranges };
}

/** The Dockerfile itself, as those answers carry it. */
export function toBase64(source: string): string {
  return Buffer.from(source).toString('base64');
}

/** Rows as columns, `gap` blanks between them; the last cell is not padded. */
export function columns(rows: readonly (readonly string[])[], gap: number): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.slice(0, -1).entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd((widths[i] ?? 0) + gap))).join('');
  return withoutControls(rows.map((row) => `${line(row)}\n`).join(''));
}
