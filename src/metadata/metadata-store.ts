/**
 * Transactional records. Each owner names a collection and keeps its own record type; values are JSON.
 * All calls are synchronous: a transaction is a plain function, nothing can interleave with it.
 */
export interface MetadataStore extends Disposable {
  /** The named collection; made on first use. */
  collection<T>(name: string): Collection<T>;
  /**
   * Runs `work` atomically: all its writes or none. Nested calls join the outer transaction.
   * `durable` (default true) makes the commit survive a power loss; without it, it survives only the end of the process.
   */
  transaction<T>(work: () => T, options?: { readonly durable?: boolean }): T;
  /** Closes the database; later calls throw. Idempotent. */
  close(): void;
}

export interface Collection<T> {
  get(key: string): T | undefined;
  put(key: string, value: T): void;
  /** Whether there was such a record. */
  delete(key: string): boolean;
  /** All records whose key begins with `prefix` (default: all), by key in byte order. */
  list(prefix?: string): { readonly key: string; readonly value: T }[];
}
