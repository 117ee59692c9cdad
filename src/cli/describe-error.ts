import { ApiError } from '../client/index.ts';
import { isLadingError, messageOf } from '../errors/index.ts';

/** "Error response from daemon: …" for what the daemon said, and the hint on a line of its own. */
export function describeError(error: unknown): string {
  if (!isLadingError(error)) return messageOf(error);
  const prefix = error instanceof ApiError ? 'Error response from daemon: ' : '';
  return `${prefix}${error.message}${error.hint === undefined ? '' : `\nhint: ${error.hint}`}`;
}
