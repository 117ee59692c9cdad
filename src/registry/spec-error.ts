import { HTTP_STATUS, LadingError, type ErrorCode } from '../errors/index.ts';

/** The distribution spec's error codes with their statuses (distribution-spec 1.1.1, "Error Codes"). */
export const SPEC_STATUS = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  PAGINATION_NUMBER_INVALID: 400,
  RANGE_INVALID: 416,
  SIZE_INVALID: 400,
  TAG_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  UNAVAILABLE: 503,
  UNKNOWN: 500,
} as const;

export type SpecCode = keyof typeof SPEC_STATUS;

/** A failure a client may see, in the spec's words. Stays inside this folder: the server answers with it. */
export class SpecError extends Error {
  override readonly name = 'SpecError';
  readonly code: SpecCode;
  readonly status: number;
  readonly detail: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: SpecCode,
    message: string,
    options: {
      readonly detail?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
      readonly status?: number;
    } = {},
  ) {
    super(message);
    this.code = code;
    this.status = options.status ?? SPEC_STATUS[code];
    this.detail = options.detail;
    this.headers = options.headers ?? {};
  }
}

/** Total, so that a new code of lading cannot be forgotten. What names the cause better is thrown as a SpecError at once. */
const OF_LADING = {
  invalid_argument: 'MANIFEST_INVALID',
  unauthenticated: 'UNAUTHORIZED',
  permission_denied: 'DENIED',
  not_found: 'BLOB_UNKNOWN',
  already_exists: 'BLOB_UPLOAD_INVALID',
  conflict: 'BLOB_UPLOAD_INVALID',
  not_modified: 'UNKNOWN',
  resource_exhausted: 'TOOMANYREQUESTS',
  not_implemented: 'UNSUPPORTED',
  unavailable: 'UNAVAILABLE',
  cancelled: 'UNKNOWN',
  deadline_exceeded: 'UNKNOWN',
  data_loss: 'UNKNOWN',
  internal: 'UNKNOWN',
} as const satisfies Record<ErrorCode, SpecCode>;

/** What a client is told of any failure; unknown ones tell nothing of the inside. */
export function toSpecError(error: unknown): SpecError {
  if (error instanceof SpecError) return error;
  if (!(error instanceof LadingError)) return new SpecError('UNKNOWN', 'internal error');
  const status = HTTP_STATUS[error.code];
  return new SpecError(OF_LADING[error.code], status === 500 ? 'internal error' : error.message, { status });
}
