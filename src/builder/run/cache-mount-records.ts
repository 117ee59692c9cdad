import { hash } from 'node:crypto';
import type { Collection, MetadataStore } from '../../metadata/index.ts';

/** What is known of a cache mount beside its folder. */
export interface CacheMountRecord {
  /** What tells it from all others; see mounts/cache-mount.ts. */
  readonly id: string;
  /** RFC 3339 */
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly uses: number;
  /** Allocated bytes as last measured. */
  readonly sizeBytes?: number;
}

/** Name of the folder of an id. */
export function folderNameOf(id: string): string {
  return hash('sha256', id).slice(0, 32);
}

/** The id as its Dockerfile has it, and the namespace (BUILDKIT_CACHE_MOUNT_NS) it is in. */
export function namesOf(id: string): { readonly name: string; readonly namespace: string } {
  try {
    const [namespace, name] = JSON.parse(id) as unknown[];
    if (typeof name === 'string' && typeof namespace === 'string') return { name, namespace };
  } catch {
    // An id of an earlier version: the text itself.
  }
  return { name: id, namespace: '' };
}

/** Records by folder name. A folder without one is of an earlier version: its id is not known. */
export class CacheMountRecords {
  readonly #metadata: MetadataStore;
  readonly #all: Collection<CacheMountRecord>;

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata;
    this.#all = metadata.collection('cache-mounts');
  }

  get(folder: string): CacheMountRecord | undefined {
    return this.#all.get(folder);
  }

  /** Notes that a step uses the folder. */
  used(folder: string, id: string): void {
    const now = new Date().toISOString();
    const known = this.#all.get(folder);
    this.put(folder, { id, createdAt: known?.createdAt ?? now, lastUsedAt: now, uses: (known?.uses ?? 0) + 1 });
  }

  /** Remembers a size until the next use. */
  measured(folder: string, sizeBytes: number): void {
    const known = this.#all.get(folder);
    if (known) this.put(folder, { ...known, sizeBytes });
  }

  put(folder: string, record: CacheMountRecord): void {
    this.#metadata.transaction(() => this.#all.put(folder, record), { durable: false });
  }

  remove(folder: string): void {
    this.#metadata.transaction(() => this.#all.delete(folder), { durable: false });
  }
}
