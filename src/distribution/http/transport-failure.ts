import { isLadingError } from '../../errors/index.ts';

/** Where an exchange with a registry broke; travels as the `cause` of the LadingError and decides whether to try again. */
export class TransportFailure extends Error {
  override readonly name = 'TransportFailure';
  /** `connect`: no registry answered at all. `exchange`: it did, and something that may pass went wrong. `final`: trying again is useless. */
  readonly phase: 'connect' | 'exchange' | 'final';
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    phase: TransportFailure['phase'],
    details: { readonly status?: number; readonly retryAfterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.phase = phase;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** The failure behind an error thrown by this folder, if it came from the network. */
export function transportFailureOf(error: unknown): TransportFailure | undefined {
  return isLadingError(error) && error.cause instanceof TransportFailure ? error.cause : undefined;
}
