/** Mutual exclusion per key; a key costs memory only while somebody holds or awaits it. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `work` when every earlier holder of `key` has finished, whatever their outcome. */
  async run<T>(key: string, work: () => Promise<T> | T): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const { promise: tail, resolve: release } = Promise.withResolvers<void>();
    this.#tails.set(key, tail);
    await before;
    try {
      return await work();
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
      release();
    }
  }

  /** Whether anybody holds or awaits `key`. */
  isHeld(key: string): boolean {
    return this.#tails.has(key);
  }
}
