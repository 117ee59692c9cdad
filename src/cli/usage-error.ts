import { LadingError } from '../errors/index.ts';

export const EXIT_FAILURE = 1;
/** The engine or the flags failed, before any contained command ran. */
export const EXIT_ENGINE = 125;

/** A command line that cannot be understood; shown with the command's usage line. */
export class UsageError extends LadingError {
  readonly status: number;

  constructor(message: string, status: number = EXIT_ENGINE) {
    super('invalid_argument', message);
    this.status = status;
  }
}

/** Ends the command with this status, after showing the message if there is one. */
export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly status: number;

  constructor(status: number, message = '') {
    super(message);
    this.status = status;
  }
}
