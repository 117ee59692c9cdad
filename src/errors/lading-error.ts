/**
 * The closed set of failures lading knows. Everything that crosses a boundary
 * (HTTP, exit status) is decided by this code, never by the message's text.
 */
export const ERROR_CODES = [
  'invalid_argument',
  'unauthenticated',
  'permission_denied',
  'not_found',
  'already_exists',
  'conflict',
  'not_modified',
  'resource_exhausted',
  'not_implemented',
  'unavailable',
  'cancelled',
  'deadline_exceeded',
  'data_loss',
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface LadingErrorOptions {
  readonly cause?: unknown;
  /** What the user can try next; shown on a line of its own. */
  readonly hint?: string;
}

/**
 * The one error class. The message says what was attempted, then a colon, then
 * what was found, values quoted, without a closing period.
 */
export class LadingError extends Error {
  override readonly name = 'LadingError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: LadingErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
  }
}

/** Whether a value is a LadingError, optionally with one of the given codes. */
export function isLadingError(value: unknown, ...codes: ErrorCode[]): value is LadingError {
  return value instanceof LadingError && (codes.length === 0 || codes.includes(value.code));
}

/** The errno name ("ENOENT") of a Node system error, or undefined. */
export function errnoOf(value: unknown): string | undefined {
  if (value instanceof Error && 'code' in value && typeof value.code === 'string') return value.code;
  return undefined;
}

/** Message of anything that was thrown, for building a larger message. */
export function messageOf(value: unknown): string {
  return value instanceof Error ? value.message : String(value);
}

/** What the system said, without its code, its call and the path the caller names anyway: "no such file or directory". */
export function reasonOf(value: unknown): string {
  const message = messageOf(value);
  return errnoOf(value) === undefined ? message : message.replace(/^E[A-Z]+: /, '').replace(/, \w+ '.*'$/s, '');
}

/** Wraps whatever was thrown: LadingErrors pass through, aborts become `cancelled`, ENOSPC is named, the rest is `internal`. */
export function toLadingError(value: unknown, attempted: string): LadingError {
  if (value instanceof LadingError) return value;
  const errno = errnoOf(value);
  if (value instanceof Error && (value.name === 'AbortError' || errno === 'ABORT_ERR'))
    return new LadingError('cancelled', `${attempted}: cancelled`, { cause: value });
  if (errno === 'ENOSPC')
    return new LadingError('resource_exhausted', `${attempted}: no space left on device`, {
      cause: value,
      hint: 'free disk space (lading image prune, lading builder prune) and try again',
    });
  return new LadingError('internal', `${attempted}: ${messageOf(value)}`, { cause: value });
}
