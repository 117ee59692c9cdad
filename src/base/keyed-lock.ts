import { untilAborted } from './until-aborted.ts';

/** Mutual exclusion per key; a key costs memory only while somebody holds or awaits it. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Runs `work` when every earlier holder of `key` has finished, whatever their outcome. `signal` ends the waiting, not the work.
   * @throws the signal's reason
   */
  async run<T>(key: string, work: () => Promise<T> | T, options: { readonly signal?: AbortSignal } = {}): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const { promise: tail, resolve: release } = Promise.withResolvers<void>();
    this.#tails.set(key, tail);
    const leave = (): void => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
      release();
    };
    try {
      await untilAborted(before, options.signal);
    } catch (error) {
      // Whoever waits behind still waits for those before.
      void before.then(leave);
      throw error;
    }
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /** Whether anybody holds or awaits `key`. */
  isHeld(key: string): boolean {
    return this.#tails.has(key);
  }
}
