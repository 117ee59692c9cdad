export {
  ERROR_CODES,
  LadingError,
  errnoOf,
  isLadingError,
  messageOf,
  reasonOf,
  toLadingError,
  type ErrorCode,
  type LadingErrorOptions,
} from './lading-error.ts';
export { HTTP_STATUS, errorCodeOfStatus } from './http-status.ts';
