import { isLadingError, LadingError, messageOf, type ErrorCode } from '../../errors/index.ts';
import type { JobKind } from './jobs.ts';

/** To a worker: one job at a time. `stop[0]` becomes 1 when it is to be given up (shared memory: seen also while the worker never returns to its loop). */
export interface JobMessage {
  readonly kind: JobKind;
  readonly job: unknown;
  readonly stop: Int32Array<SharedArrayBuffer>;
}

export type ReplyMessage = { readonly result: unknown } | { readonly error: PlainError };

/** An error's fields; class and cause do not survive the way between threads. */
interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
}

export function plainError(error: unknown): PlainError {
  if (isLadingError(error)) return { code: error.code, message: error.message, hint: error.hint };
  return { code: 'internal', message: `archive worker: ${messageOf(error)}`, hint: undefined };
}

export function errorOfPlain({ code, message, hint }: PlainError): LadingError {
  return new LadingError(code, message, hint === undefined ? {} : { hint });
}
