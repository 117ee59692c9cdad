import { LadingError, messageOf, type ErrorCode, type LadingErrorOptions } from '../../errors/index.ts';

interface Verdict {
  readonly code: ErrorCode;
  readonly found?: string;
  readonly hint?: string;
}

/** SQLite's primary result codes (sqlite.org/rescode.html) that a user can do something about. */
const VERDICTS: Readonly<Record<number, Verdict>> = {
  5: { code: 'unavailable', found: 'another process keeps it locked' },
  8: { code: 'permission_denied' },
  11: { code: 'data_loss', hint: 'restore the file from a backup, or move it away to begin with an empty store' },
  13: { code: 'resource_exhausted', found: 'no space left on device', hint: 'free disk space and try again' },
  14: { code: 'unavailable' },
  26: {
    code: 'data_loss',
    found: 'it is not a database',
    hint: 'restore the file from a backup, or move it away to begin with an empty store',
  },
};

/** A failure of SQLite in lading's terms; anything else passes through. */
export function fromSqlite(error: unknown, attempted: string): unknown {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return error;
  const verdict: Verdict = VERDICTS[error.errcode & 0xff] ?? { code: 'internal' };
  const options: LadingErrorOptions = verdict.hint === undefined ? {} : { hint: verdict.hint };
  return new LadingError(verdict.code, `${attempted}: ${verdict.found ?? messageOf(error)}`, {
    ...options,
    cause: error,
  });
}
