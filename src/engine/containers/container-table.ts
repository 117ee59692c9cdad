import { LadingError } from '../../errors/index.ts';
import type { Collection, MetadataStore } from '../../metadata/index.ts';
import type { ContainerRecord } from './container-record.ts';

/** All containers, in memory and in the metadata: reads cost nothing, writes go to both. */
export class ContainerTable {
  readonly #metadata: MetadataStore;
  readonly #stored: Collection<ContainerRecord>;
  readonly #byId = new Map<string, ContainerRecord>();

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata;
    this.#stored = metadata.collection('containers');
    for (const { key, value } of this.#stored.list()) this.#byId.set(key, value);
  }

  all(): ContainerRecord[] {
    return [...this.#byId.values()];
  }

  byId(id: string): ContainerRecord | undefined {
    return this.#byId.get(id);
  }

  byName(name: string): ContainerRecord | undefined {
    return this.all().find((record) => record.name === name);
  }

  /** By full id, name, or unambiguous id prefix: Docker's order. @throws not_found, invalid_argument */
  find(ref: string): ContainerRecord {
    const name = ref.replace(/^\//, '');
    const exact = this.#byId.get(ref) ?? this.byName(name);
    if (exact) return exact;
    const matches = /^[a-f0-9]+$/.test(ref) ? this.all().filter((record) => record.id.startsWith(ref)) : [];
    if (matches.length > 1)
      throw new LadingError('invalid_argument', `Multiple IDs found with provided prefix: ${ref}`, {
        hint: 'give more digits',
      });
    if (matches[0]) return matches[0];
    throw new LadingError('not_found', `No such container: ${ref}`);
  }

  /** Stores a record as it is now. Not synced to the disk: a container's state is checked against the kernel after a power loss. */
  save(record: ContainerRecord): void {
    this.#byId.set(record.id, record);
    this.#metadata.transaction(() => this.#stored.put(record.id, record), { durable: false });
  }

  delete(id: string): void {
    this.#byId.delete(id);
    this.#metadata.transaction(() => this.#stored.delete(id), { durable: false });
  }
}
