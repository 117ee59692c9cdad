import { DockerfileError, type SourceFile, type SourceLocation } from '../dockerfile/index.ts';
import { LadingError, messageOf, toLadingError, type ErrorCode } from '../errors/index.ts';

/** A step that failed, with the lines of the Dockerfile that asked for it. */
export class BuildStepError extends LadingError {
  /** What went wrong, without the lines. */
  readonly reason: string;
  /** As `docker build` shows it: file:line, the lines, ">>>" before the failing one. */
  readonly snippet: string;
  readonly location: SourceLocation | undefined;

  constructor(
    code: ErrorCode,
    reason: string,
    snippet: string,
    options: { cause?: unknown; hint?: string; location?: SourceLocation } = {},
  ) {
    super(code, snippet === '' ? reason : `${reason}\n${snippet.trimEnd()}`, options);
    this.reason = reason;
    this.snippet = snippet;
    this.location = options.location;
  }
}

/** Gives whatever a step threw its place in the Dockerfile. Cancellation and errors that have a place pass through. */
export function locateFailure(thrown: unknown, file: SourceFile, location: SourceLocation): LadingError {
  if (thrown instanceof BuildStepError) return thrown;
  if (thrown instanceof DockerfileError) {
    return withSnippet(thrown);
  }
  const error = toLadingError(thrown, 'build step');
  if (error.code === 'cancelled') return error;
  const snippet = new DockerfileError('', file, { location }).renderSnippet();
  return new BuildStepError(error.code, messageOf(error), snippet, {
    cause: error,
    location,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

/** A Dockerfile's error with its lines. */
export function withSnippet(error: DockerfileError): BuildStepError {
  const { hint, location } = error;
  return new BuildStepError(error.code, error.message, error.renderSnippet(), {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
    ...(location === undefined ? {} : { location }),
  });
}
