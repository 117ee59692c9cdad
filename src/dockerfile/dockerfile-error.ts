import { LadingError } from '../errors/index.ts';
import { renderSnippet } from './snippet.ts';
import { withoutControls } from './text.ts';

/** Lines of a Dockerfile, both 1-based and inclusive. */
export interface SourceLocation {
  readonly startLine: number;
  readonly endLine: number;
}

/** Where the offending text is inside a line: 1-based column in UTF-16 units. */
export interface Caret {
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

/** The file an error is about. */
export interface SourceFile {
  readonly filename: string;
  readonly source: string;
}

/**
 * What the stages throw while they do not know the file: a reason in Docker's
 * wording and, when one word is to blame, that word. `locate` turns it into a DockerfileError.
 */
export class Problem extends LadingError {
  readonly token: string | undefined;

  /** @param hint absent: how the instruction is written */
  constructor(reason: string, token?: string, hint?: string) {
    super('invalid_argument', reason, hint === undefined ? {} : { hint });
    this.token = token;
  }
}

export interface DockerfileErrorOptions {
  /** Absent when the whole file is at fault (empty, no stages). */
  readonly location?: SourceLocation;
  readonly caret?: Caret;
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * A Dockerfile that cannot be understood. The message is Docker's ("dockerfile parse error on
 * line 3: unknown instruction: FORM (did you mean FROM?)"); file and lines are fields.
 */
export class DockerfileError extends LadingError {
  readonly filename: string;
  readonly location: SourceLocation | undefined;
  readonly caret: Caret | undefined;
  /** The message without "dockerfile parse error on line N: ". */
  readonly reason: string;
  readonly #source: string;

  constructor(text: string, file: SourceFile, options: DockerfileErrorOptions = {}) {
    const { location } = options;
    const reason = withoutControls(text);
    super('invalid_argument', location ? `dockerfile parse error on line ${location.startLine}: ${reason}` : reason, {
      cause: options.cause,
      ...(options.hint === undefined ? {} : { hint: options.hint }),
    });
    this.reason = reason;
    this.filename = file.filename;
    this.location = location;
    this.caret = options.caret;
    this.#source = file.source;
  }

  /** The offending lines as `docker build` shows them, or "" when the error is about the whole file. */
  renderSnippet(): string {
    if (!this.location) return '';
    return renderSnippet({ filename: this.filename, source: this.#source }, this.location, this.caret);
  }
}

/**
 * Gives a Problem its place in the file; every other value is returned unchanged. The caret is under the word to blame, else under
 * the line's first word.
 * @param hint when the problem has none of its own
 */
export function locate(thrown: unknown, file: SourceFile, location: SourceLocation, hint?: string): unknown {
  if (!(thrown instanceof Problem)) return thrown;
  const caret = findCaret(thrown.token ?? '', file.source, location) ?? firstWord(file.source, location);
  return new DockerfileError(thrown.message, file, {
    location,
    cause: thrown,
    ...(caret ? { caret } : {}),
    ...((thrown.hint ?? hint) === undefined ? {} : { hint: thrown.hint ?? hint }),
  } as DockerfileErrorOptions);
}

/** Where a word first occurs in some lines. */
export function findCaret(token: string, source: string, location: SourceLocation): Caret | undefined {
  if (token === '') return undefined;
  for (const [index, line] of linesOf(source, location).entries()) {
    const column = line.indexOf(token);
    if (column >= 0) return { line: location.startLine + index, column: column + 1, length: token.length };
  }
  return undefined;
}

function firstWord(source: string, location: SourceLocation): Caret | undefined {
  const match = /\S+/.exec(linesOf(source, location)[0]?.slice(0, 1000) ?? '');
  return match ? { line: location.startLine, column: match.index + 1, length: match[0].length } : undefined;
}

function linesOf(source: string, { startLine, endLine }: SourceLocation): string[] {
  return source.split('\n').slice(startLine - 1, endLine);
}
