import { hash } from 'node:crypto';
import type { Collection, MetadataStore } from '../../metadata/index.ts';
import type { ChainID } from '../../oci/index.ts';
import type { BuiltLayer } from '../cache/cache-record.ts';

export interface SquashKey {
  /** What lies below the merged layers; undefined: nothing. */
  readonly base: ChainID | undefined;
  /** Names all layers that were merged. */
  readonly top: ChainID;
}

/** Merged layers by the identity of what they were made of, so that the same layers are merged once. They are kept only as long as images use them. */
export class SquashedLayers {
  readonly #metadata: MetadataStore;
  readonly #layers: Collection<BuiltLayer>;

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata;
    this.#layers = metadata.collection('squashed-layers');
  }

  /** As remembered: whether the layer is still stored is the caller's to see. */
  find(key: SquashKey): BuiltLayer | undefined {
    return this.#layers.get(nameOf(key));
  }

  remember(key: SquashKey, layer: BuiltLayer): void {
    this.#metadata.transaction(() => this.#layers.put(nameOf(key), layer), { durable: false });
  }

  /** Forgets all of them. */
  clear(): void {
    this.#metadata.transaction(() => {
      for (const { key } of this.#layers.list()) this.#layers.delete(key);
    });
  }
}

function nameOf({ base, top }: SquashKey): string {
  return hash('sha256', `${base ?? ''} ${top}`);
}
