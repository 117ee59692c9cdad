import type { ErrorCode } from './lading-error.ts';

/** How a code leaves through the Engine API; total, so a new code cannot be forgotten. */
export const HTTP_STATUS = {
  invalid_argument: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  already_exists: 409,
  conflict: 409,
  not_modified: 304,
  resource_exhausted: 429,
  not_implemented: 501,
  unavailable: 503,
  cancelled: 500,
  deadline_exceeded: 500,
  data_loss: 500,
  internal: 500,
} as const satisfies Record<ErrorCode, number>;

/** The code an Engine API client gives to a status it received. */
export function errorCodeOfStatus(status: number): ErrorCode {
  switch (status) {
    case 304:
      return 'not_modified';
    case 400:
      return 'invalid_argument';
    case 401:
      return 'unauthenticated';
    case 403:
      return 'permission_denied';
    case 404:
      return 'not_found';
    case 409:
      return 'conflict';
    case 429:
      return 'resource_exhausted';
    case 501:
      return 'not_implemented';
    case 503:
      return 'unavailable';
    default:
      return status >= 400 && status < 500 ? 'invalid_argument' : 'internal';
  }
}
