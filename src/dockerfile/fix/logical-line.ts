import { takeFlags } from '../parser/quoted-words.ts';
import type { EscapeCharacter } from '../parser/directives.ts';
import type { SourceLocation } from '../dockerfile-error.ts';
import { cutBlanks, trimSpace, trimStart } from '../text.ts';

/** A part of a file, end exclusive, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * An instruction as the parser joins it, with the place of every character in the file. It begins with the instruction's name;
 * here-documents are not part of it.
 */
export class LogicalLine {
  /** Continuation lines joined, comments removed, trimmed: an instruction's `original`. */
  readonly text: string;
  /** The instruction's name, its flags and what is behind them, as spans of `text`. */
  readonly keyword: Span;
  readonly flags: Span;
  readonly args: Span;
  /** Empty lines inside the instruction, as spans of the file with their line breaks. */
  readonly emptyLines: readonly Span[];
  readonly #offsets: readonly number[];
  readonly #source: string;

  private constructor(source: string, joined: Joined, escape: EscapeCharacter) {
    this.#source = source;
    const { text, offsets } = trimmed(joined);
    this.text = text;
    this.#offsets = offsets;
    this.emptyLines = joined.emptyLines;
    const { first, rest = '' } = cutBlanks(text);
    const args = trimSpace(takeFlags(rest, escape).rest);
    this.keyword = { start: 0, end: first.length };
    this.args = { start: text.length - args.length, end: text.length };
    this.flags = { start: first.length, end: this.args.start };
  }

  /** Reads the instruction that begins at a line. */
  static at(source: string, { startLine }: Pick<SourceLocation, 'startLine'>, escape: EscapeCharacter): LogicalLine {
    return new LogicalLine(source, join(source, startLine, escape), escape);
  }

  textOf({ start, end }: Span): string {
    return this.text.slice(start, end);
  }

  /** The words of a span, separated by blanks. */
  words({ start, end }: Span): Span[] {
    return [...this.text.slice(start, end).matchAll(/[^\t\v\f\r ]+/g)].map((match) => {
      const at = start + match.index;
      return { start: at, end: at + match[0].length };
    });
  }

  /**
   * Where a span of `text` is in the file. Continuations inside are part of it; undefined when there is more between, comments for
   * example, that an edit would lose.
   */
  place({ start, end }: Span): Span | undefined {
    if (end <= start) {
      const at = start < this.#offsets.length ? this.#offsets[start] : (this.#offsets.at(-1) ?? 0) + 1;
      return at === undefined ? undefined : { start: at, end: at };
    }
    const span = { start: this.#offsets[start] ?? 0, end: (this.#offsets[end - 1] ?? 0) + 1 };
    const hidden = this.#hiddenText(start, end);
    return /^(?:[\\`][ \t]*\r*\n)*$/.test(hidden) ? span : undefined;
  }

  /** What the file has inside a span that `text` has not. */
  #hiddenText(start: number, end: number): string {
    let hidden = '';
    for (let at = start + 1; at < end; at++) {
      const [before = 0, here = 0] = [this.#offsets[at - 1], this.#offsets[at]];
      if (here !== before + 1) hidden += this.#source.slice(before + 1, here);
    }
    return hidden;
  }
}

interface Joined {
  text: string;
  offsets: number[];
  emptyLines: Span[];
}

/** The parser's joining of lines, keeping places. */
function join(source: string, startLine: number, escape: EscapeCharacter): Joined {
  const joined: Joined = { text: '', offsets: [], emptyLines: [] };
  let at = offsetOfLine(source, startLine);
  for (let first = true; at < source.length; first = false) {
    const newline = source.indexOf('\n', at);
    const next = newline < 0 ? source.length : newline + 1;
    const line = source.slice(at, next).replace(/[\r\n]+$/, '');
    const content = trimStart(line);
    if (!first && content === '') joined.emptyLines.push({ start: at, end: next });
    else if (first || !content.startsWith('#')) {
      const { text, continues } = continuation(line, escape);
      append(joined, text, at);
      if (!continues) break;
    }
    at = next;
  }
  return joined;
}

function append(joined: Joined, text: string, at: number): void {
  joined.text += text;
  for (let i = 0; i < text.length; i++) joined.offsets.push(at + i);
}

function continuation(line: string, escape: EscapeCharacter): { text: string; continues: boolean } {
  const end = line.replace(/[ \t]+$/, '').length;
  if (line[end - 1] !== escape || line[end - 2] === escape) return { text: line, continues: false };
  return { text: line.slice(0, end - 1), continues: true };
}

function trimmed({ text, offsets }: Joined): { text: string; offsets: number[] } {
  const start = text.length - trimStart(text).length;
  const kept = trimSpace(text);
  return { text: kept, offsets: offsets.slice(start, start + kept.length) };
}

function offsetOfLine(source: string, line: number): number {
  let at = 0;
  for (let number = 1; number < line; number++) at = source.indexOf('\n', at) + 1;
  return at;
}
