import type { HttpResponse } from './http/response.ts';
import { LadingError, errnoOf, errorCodeOfStatus, messageOf } from '../errors/index.ts';
import { formatEndpoint, type Endpoint } from './endpoint.ts';

const MAX_ERROR_BYTES = 64 * 1024;

/** An error the daemon answered, as opposed to one met on the way to it. */
export class ApiError extends LadingError {}

/** Turns an answer of status 304 or ≥ 400 into an error: code by status, message and hint from the body. */
export async function errorOfResponse(response: HttpResponse): Promise<LadingError> {
  const status = response.statusCode ?? 0;
  const text = await readBounded(response);
  const [message = '', ...hint] = messageOfBody(text).split('\nhint: ');
  const shown = message === '' ? `the daemon answered ${status} ${response.statusMessage ?? ''}`.trimEnd() : message;
  return new ApiError(errorCodeOfStatus(status), shown, hint.length === 0 ? {} : { hint: hint.join('\n') });
}

/** Names a failed connection the way Docker's client does. */
export function connectionError(endpoint: Endpoint, error: unknown): LadingError {
  const where = formatEndpoint(endpoint);
  const errno = errnoOf(error);
  if (errno === 'EACCES' || errno === 'EPERM')
    return new LadingError('permission_denied', `connect to the lading daemon at ${where}: permission denied`, {
      cause: error,
      hint: 'run it as root, or join the group that owns the socket',
    });
  if (error instanceof LadingError) return error;
  if (isUnreachable(error))
    return new LadingError('unavailable', `Cannot connect to the lading daemon at ${where}. Is ladingd running?`, {
      cause: error,
    });
  if (error instanceof Error && error.name === 'AbortError')
    return new LadingError('cancelled', 'request cancelled', { cause: error });
  return new LadingError('unavailable', `talk to the lading daemon at ${where}: ${messageOf(error)}`, { cause: error });
}

/** Whether nothing listens there (as opposed to a connection that broke later). */
export function isUnreachable(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ECONNREFUSED' || errno === 'ENOTFOUND' || errno === 'EHOSTUNREACH';
}

function messageOfBody(text: string): string {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string')
      return body.message.trim();
  } catch {
    // Not JSON: a proxy or an old daemon; the text itself is the message.
  }
  return text.trim();
}

async function readBounded(response: HttpResponse): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk.subarray(0, MAX_ERROR_BYTES - size));
    size += chunk.length;
    if (size >= MAX_ERROR_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
