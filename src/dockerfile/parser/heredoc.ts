import { Problem } from '../dockerfile-error.ts';
import { expandWords } from '../shell/expand.ts';
import type { Env } from '../shell/word-lexer.ts';
import { trimNewline, type SourceLines } from './source-lines.ts';

/** A here-document. */
export interface Heredoc {
  readonly name: string;
  /** Leading tabs are already removed when `chomp` is set. */
  readonly content: string;
  /** The content with its tabs, when they make a difference: what a shell is given. */
  readonly raw?: string;
  /** False when the name was quoted: variables in the content stay as they are. */
  readonly expand: boolean;
  /** Written with `<<-`. */
  readonly chomp: boolean;
}

export type HeredocMark = Omit<Heredoc, 'content' | 'raw'>;

/** A here-document as it stands in the file, its terminator included, with a line break in front. */
export function heredocText({ name, content, raw = content }: Heredoc): string {
  return `\n${raw}${name}`;
}

const NO_ENV: Env = new Map();
const OPERATOR = /^\d*<<(-?)/;

/** Reads a word as `<<NAME`, `<<-NAME`, `3<<"NAME"`; undefined when it is not a here-document. */
function parseHeredocMark(word: string): HeredocMark | undefined {
  const operator = OPERATOR.exec(word);
  if (!operator) return undefined;
  const rest = word.slice(operator[0].length).replace(/^[\t\n\f\r ]+/, '');
  if (rest === '' || rest.includes('<')) return undefined;
  const plain = expandWords(rest, NO_ENV, { escape: '\\', keepUnset: true }).values;
  const [name] = plain;
  if (name === undefined || plain.length !== 1) return undefined;
  const [raw = ''] = expandWords(rest, NO_ENV, { escape: '\\', keepUnset: true, rawQuotes: true }).values;
  return { name, expand: countQuotes(name) === countQuotes(raw), chomp: operator[1] === '-' };
}

/** As parseHeredocMark for a word that may be malformed: then it is no here-document. */
export function heredocMarkOf(word: string): HeredocMark | undefined {
  if (!word.includes('<<')) return undefined;
  return ignoringProblems(() => parseHeredocMark(word));
}

/** The here-documents announced by an instruction, in order. A line with unbalanced quotes announces none. */
export function heredocMarksOf(line: string): HeredocMark[] {
  const options = { escape: '\\', rawQuotes: true, rawEscapes: true, keepUnset: true } as const;
  const words = ignoringProblems(() => expandWords(line, NO_ENV, options).values) ?? [];
  return words.filter((word) => word.includes('<<')).flatMap((word) => parseHeredocMark(word) ?? []);
}

/** Reads the lines up to the terminator. */
export function readHeredoc(mark: HeredocMark, lines: SourceLines): Heredoc {
  const content: string[] = [];
  const raw: string[] = [];
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    const stripped = mark.chomp ? line.replace(/^\t+/, '') : line;
    if (trimNewline(stripped) === mark.name) {
      const [text, whole] = [content.join(''), raw.join('')];
      return { ...mark, content: text, ...(whole === text ? {} : { raw: whole }) };
    }
    content.push(stripped);
    raw.push(line);
  }
  throw new Problem('unterminated heredoc', '<<', `end it with a line that holds ${mark.name} and nothing else`);
}

function countQuotes(text: string): number {
  return text.replace(/[^'"]/g, '').length;
}

function ignoringProblems<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}
