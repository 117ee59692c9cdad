import { messageOf } from '../errors/index.ts';
import { describeError } from './describe-error.ts';
import { EXIT_ENGINE, ExitError, UsageError } from './usage-error.ts';

const CANNOT_INVOKE = 126;
const NOT_FOUND = 127;

/**
 * The status of a container that could not be started: 127 the program is not there, 126 it cannot be executed, else 125.
 * The Engine API gives no code for this, so the runtime's message decides, as in Docker's client.
 */
export function startFailureStatus(error: unknown): number {
  const message = messageOf(error);
  if (/executable file not found|no such file or directory|system cannot find the file specified/.test(message))
    return NOT_FOUND;
  if (/permission denied|is a directory/.test(message)) return CANNOT_INVOKE;
  return EXIT_ENGINE;
}

/** A failure of `run` in Docker's words, with the status to end with. */
export function runFailure(error: unknown, status: number, verb = 'run'): Error {
  if (error instanceof ExitError || error instanceof UsageError) return error;
  return new ExitError(status, `lading: ${describeError(error)}\n\nRun 'lading ${verb} --help' for more information`);
}
