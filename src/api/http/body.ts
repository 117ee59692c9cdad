import { once } from 'node:events';
import { LadingError } from '../../errors/index.ts';
import type { Call, UpgradeSocket } from './call.ts';

/** Largest JSON body read, as in moby. */
export const MAX_JSON_BODY = 8 * 1024 * 1024;

function tooLarge(limit: number): LadingError {
  return new LadingError('invalid_argument', `request body too large: more than ${limit} bytes`);
}

/** After an upgrade request the parser has stopped: the body must be cut from the raw bytes. */
async function readUpgradeBody(upgrade: UpgradeSocket, length: number): Promise<Buffer> {
  const chunks = [upgrade.head];
  let size = upgrade.head.length;
  while (size < length) {
    const chunk: Buffer | null = upgrade.socket.read();
    if (chunk !== null) {
      chunks.push(chunk);
      size += chunk.length;
      continue;
    }
    if (upgrade.socket.readableEnded || upgrade.socket.destroyed)
      throw new LadingError('invalid_argument', 'invalid request body: it ended early');
    await Promise.race([once(upgrade.socket, 'readable'), once(upgrade.socket, 'end'), once(upgrade.socket, 'close')]);
  }
  const all = Buffer.concat(chunks);
  upgrade.head = all.subarray(length);
  return all.subarray(0, length);
}

/** The whole body, bounded. @throws invalid_argument when it is larger */
export async function readBody(call: Call, limit = MAX_JSON_BODY): Promise<Buffer> {
  const { headers } = call.request;
  const declared = Number(headers['content-length'] ?? 0);
  if (declared > limit) throw tooLarge(limit);
  if (call.upgrade !== undefined) {
    if (headers['transfer-encoding'] !== undefined)
      throw new LadingError('invalid_argument', 'invalid request: an upgrade request needs Content-Length');
    return readUpgradeBody(call.upgrade, declared);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of call.request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The body as a JSON object; {} when empty or null. @throws invalid_argument on anything else */
export async function readJson(call: Call): Promise<Record<string, unknown>> {
  const body = (await readBody(call)).toString('utf8').trim();
  if (body === '' || body === 'null') return {};
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw new LadingError('invalid_argument', `invalid JSON: ${(error as Error).message.slice(0, 200)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new LadingError('invalid_argument', 'invalid JSON: an object is wanted');
  return value as Record<string, unknown>;
}
