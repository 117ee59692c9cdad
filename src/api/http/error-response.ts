import type { ServerResponse } from 'node:http';
import type { Log } from '../../base/index.ts';
import { HTTP_STATUS, LadingError, messageOf } from '../../errors/index.ts';

/** The one place where a failure becomes a status. Unknown errors are logged here, once, with their stack. */
export function sendError(response: ServerResponse, error: unknown, log: Log): void {
  const status = error instanceof LadingError ? HTTP_STATUS[error.code] : 500;
  if (!(error instanceof LadingError) || error.code === 'internal')
    log.error('request failed', { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined });
  if (response.destroyed) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (status === 304) {
    response.writeHead(304).end();
    return;
  }
  const body = Buffer.from(`${JSON.stringify({ message: errorText(error) })}\n`);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
}

/** Message, then the hint on a line of its own, where lading's client finds it again. */
export function errorText(error: unknown): string {
  if (error instanceof LadingError && error.hint !== undefined) return `${error.message}\nhint: ${error.hint}`;
  return messageOf(error);
}
