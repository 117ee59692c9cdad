import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Call } from './call.ts';

/** Answers with one JSON document. */
export function sendJson(call: Call, value: unknown, status = 200): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  call.response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
}

/** Answers without a body. */
export function sendEmpty(call: Call, status = 204): void {
  call.response.writeHead(status).end();
}

/** Streams a tar to its end; a failing source breaks the connection, so that the client sees a short body. */
export async function sendTar(call: Call, tar: Readable, headers: Record<string, string> = {}): Promise<void> {
  call.response.writeHead(200, { 'Content-Type': 'application/x-tar', ...headers });
  call.response.flushHeaders();
  await pipeline(tar, call.response, { signal: call.signal });
}
