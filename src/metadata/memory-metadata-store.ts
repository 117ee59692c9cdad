import type { Collection, MetadataStore } from './metadata-store.ts';

/** Records that end with the process, or before: for work that must leave none. Transactions are not undone. */
export class MemoryMetadataStore implements MetadataStore {
  readonly #collections = new Map<string, Map<string, string>>();

  collection<T>(name: string): Collection<T> {
    const records = this.#collections.get(name) ?? new Map<string, string>();
    this.#collections.set(name, records);
    const valueOf = (text: string): T => JSON.parse(text) as T;
    return {
      get: (key) => {
        const text = records.get(key);
        return text === undefined ? undefined : valueOf(text);
      },
      put: (key, value) => void records.set(key, JSON.stringify(value)),
      delete: (key) => records.delete(key),
      list: (prefix = '') =>
        [...records]
          .filter(([key]) => key.startsWith(prefix))
          .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
          .map(([key, text]) => ({ key, value: valueOf(text) })),
    };
  }

  transaction<T>(work: () => T): T {
    return work();
  }

  close(): void {
    this.#collections.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
