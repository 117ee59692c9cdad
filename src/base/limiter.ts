import { untilAborted } from './until-aborted.ts';

/** At most `limit` pieces of work at once; the rest wait in order. Passed in, never global. */
export class Limiter {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = Math.max(1, limit);
  }

  /** `signal` ends the waiting, not the work. @throws the signal's reason */
  async run<T>(work: () => Promise<T> | T, options: { readonly signal?: AbortSignal } = {}): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#turn(options.signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    try {
      await untilAborted(promise, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(resolve);
      // The turn may have come at the same moment: then it is passed on.
      if (at < 0) this.#leave();
      else this.#waiting.splice(at, 1);
      throw error;
    }
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
