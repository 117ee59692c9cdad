import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { LadingError, messageOf } from '../../errors/index.ts';

/** Makes the stream of an output. Who reads it destroys it to cancel. */
export type StreamMaker = () => Readable | Promise<Readable>;

interface Offer {
  readonly make: StreamMaker;
  readonly taken: (stream: Promise<Readable>) => void;
}

/** A client that does not come for its output within this time has gone. */
const FETCH_TIMEOUT_MS = 60_000;

/** Outputs that wait for their clients: each has an id nobody can guess, is fetched once, and lives no longer than its build. */
export class ExportStreams {
  readonly #offers = new Map<string, Offer>();

  /**
   * Announces an output and waits until it was read to its end.
   * @throws unavailable when nobody fetches it, or who does stops early; what the source throws; cancelled
   */
  async offer(
    make: StreamMaker,
    announce: (id: string) => void,
    options: { readonly signal: AbortSignal; readonly timeoutMs?: number },
  ): Promise<void> {
    const { signal, timeoutMs = FETCH_TIMEOUT_MS } = options;
    signal.throwIfAborted();
    const id = randomBytes(24).toString('hex');
    const { promise, resolve, reject } = Promise.withResolvers<Readable>();
    promise.catch(() => undefined);
    const stop = (): void => reject(new LadingError('cancelled', 'export: cancelled', { cause: signal.reason }));
    const timer = setTimeout(
      () => reject(new LadingError('unavailable', `export: the client did not fetch it within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    signal.addEventListener('abort', stop, { once: true });
    this.#offers.set(id, { make, taken: resolve });
    try {
      announce(id);
      const stream = await promise;
      clearTimeout(timer);
      await readToEnd(stream, signal);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      this.#offers.delete(id);
    }
  }

  /** The stream of an output, for the one who knows its id. @throws not_found: unknown, fetched already, or its build has ended */
  async take(id: string): Promise<Readable> {
    const offer = this.#offers.get(id);
    this.#offers.delete(id);
    if (!offer)
      throw new LadingError('not_found', 'No such build export: it was fetched already, or its build has ended');
    const stream = Promise.resolve(offer.make());
    offer.taken(stream);
    return stream;
  }
}

async function readToEnd(stream: Readable, signal: AbortSignal): Promise<void> {
  const stop = (): void => void stream.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await finished(stream, { writable: false });
  } catch (error) {
    signal.throwIfAborted();
    if ((error as { code?: unknown }).code === 'ERR_STREAM_PREMATURE_CLOSE')
      throw new LadingError('unavailable', 'export: the client stopped reading before the end', { cause: error });
    throw error instanceof LadingError
      ? error
      : new LadingError('internal', `export: ${messageOf(error)}`, { cause: error });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
