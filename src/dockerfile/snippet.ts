import type { Caret, SourceFile, SourceLocation } from './dockerfile-error.ts';
import { withoutControls } from './text.ts';

const RULE = '-'.repeat(20);
const MAX_LINE = 400;

/**
 * Shows the lines of a location with a few lines around them, in the layout of `docker build`:
 * "Dockerfile:3", a rule, ` 3 | >>> text`, a rule. A caret line is added under the caret's line.
 */
export function renderSnippet(file: SourceFile, location: SourceLocation, caret?: Caret): string {
  const lines = linesOf(file.source);
  const first = location.startLine;
  const last = Math.min(Math.max(location.endLine, first), lines.length);
  if (first < 1 || first > lines.length) return '';
  const window = widen(first, last, lines.length);
  const shown: string[] = [`${file.filename}:${first}`, RULE];
  for (let number = window.start; number <= window.end; number++) {
    const mark = number >= first && number <= last ? '>>>' : '   ';
    shown.push(` ${String(number).padStart(3)} | ${mark} ${printable(lines[number - 1] ?? '')}`);
    if (caret?.line === number && caret.column < MAX_LINE) shown.push(caretLine(caret, lines[number - 1] ?? ''));
  }
  return `${[...shown, RULE].join('\n')}\n`;
}

let last = { source: '', lines: [''] };

/** Many snippets of one file are shown one after the other: it is split once. */
function linesOf(source: string): readonly string[] {
  if (last.source !== source) last = { source, lines: source.split('\n') };
  return last.lines;
}

/** Docker's padding: up to four lines around one line, two around several. */
function widen(first: number, last: number, total: number): { start: number; end: number } {
  const wanted = first === last ? 4 : 2;
  let start = first;
  let end = last;
  for (let added = 0; added < wanted; added++) {
    if (start > 1) {
      start--;
      added++;
    }
    if (end !== total) {
      end++;
      added++;
    }
  }
  return { start, end };
}

function caretLine(caret: Caret, line: string): string {
  const indent = line.slice(0, caret.column - 1).replace(/[^\t]/g, ' ');
  return `     |     ${indent}${'^'.repeat(Math.min(caret.length, MAX_LINE))}`;
}

function printable(line: string): string {
  const cut = line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line;
  return withoutControls(cut.replace(/\r$/, ''));
}
