import type { Readable } from 'node:stream';
import { LadingError } from '../../errors/index.ts';
import { cancelledError, networkError, stalledError } from './network-error.ts';

export interface BodyLimits {
  readonly host: string;
  /** Longest wait for the next bytes. */
  readonly stallTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The chunks of a body, or an error when none arrive for too long; time the consumer takes does not count.
 * Leaving the loop destroys the body.
 */
export async function* chunksOf(body: Readable, limits: BodyLimits): AsyncGenerator<Buffer, void> {
  const { host, signal, stallTimeoutMs } = limits;
  const stalled = stalledError(host, stallTimeoutMs);
  let timer = setTimeout(() => body.destroy(stalled), stallTimeoutMs);
  try {
    for await (const chunk of body) {
      clearTimeout(timer);
      yield chunk as Buffer;
      timer = setTimeout(() => body.destroy(stalled), stallTimeoutMs);
    }
  } catch (error) {
    if (signal?.aborted) throw cancelledError(host, signal);
    throw error instanceof LadingError ? error : networkError(error, host);
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
}

/** A whole small body. @throws invalid_argument past `maxBytes`, deadline_exceeded when it takes four stall times in all */
export async function readBounded(body: Readable, limits: BodyLimits & { readonly maxBytes: number }): Promise<Buffer> {
  const { host, maxBytes, stallTimeoutMs } = limits;
  const deadline = setTimeout(() => body.destroy(stalledError(host, stallTimeoutMs * 4)), stallTimeoutMs * 4);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of chunksOf(body, limits)) {
      size += chunk.length;
      if (size > maxBytes)
        throw new LadingError('invalid_argument', `read answer of registry "${host}": more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(deadline);
  }
  return Buffer.concat(chunks);
}

const DRAIN_BYTES = 64 * 1024;

/** The first 64 KiB of a body nobody depends on, whatever happens to it; reading short ones to their end keeps the connection. */
export async function readExcerpt(body: Readable, limits: BodyLimits): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const deadline = setTimeout(() => body.destroy(), limits.stallTimeoutMs);
  try {
    for await (const chunk of chunksOf(body, limits)) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= DRAIN_BYTES) break;
    }
  } catch {
    // The status line has already told what matters.
  } finally {
    clearTimeout(deadline);
  }
  return Buffer.concat(chunks).subarray(0, DRAIN_BYTES).toString('utf8');
}
