import { LadingError } from '../errors/index.ts';
import { renderSnippet } from './snippet.ts';

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

  constructor(reason: string, token?: string) {
    super('invalid_argument', reason);
    this.token = token;
  }
}

export interface DockerfileErrorOptions {
  /** Absent when the whole file is at fault (empty, no stages). */
  readonly location?: SourceLocation;
  readonly caret?: Caret;
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

  constructor(reason: string, file: SourceFile, options: DockerfileErrorOptions = {}) {
    const { location } = options;
    super('invalid_argument', location ? `dockerfile parse error on line ${location.startLine}: ${reason}` : reason, {
      cause: options.cause,
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

/** Gives a Problem its place in the file; every other value is returned unchanged. */
export function locate(thrown: unknown, file: SourceFile, location: SourceLocation): unknown {
  if (!(thrown instanceof Problem)) return thrown;
  const caret = thrown.token === undefined ? undefined : findCaret(thrown.token, file.source, location);
  return new DockerfileError(thrown.message, file, { location, cause: thrown, ...(caret ? { caret } : {}) });
}

function findCaret(token: string, source: string, location: SourceLocation): Caret | undefined {
  if (token === '') return undefined;
  const lines = source.split('\n').slice(location.startLine - 1, location.endLine);
  for (const [index, line] of lines.entries()) {
    const column = line.indexOf(token);
    if (column >= 0) return { line: location.startLine + index, column: column + 1, length: token.length };
  }
  return undefined;
}
