import type { ContentStore } from '../content/index.ts';
import type { Collection, MetadataStore } from '../metadata/index.ts';
import type { Descriptor, DiffID } from '../oci/index.ts';

/**
 * Every known blob of a layer by diffID: the uncompressed one a build made, the compressed one a registry sent or a push made.
 * So the second push compresses nothing.
 */
export class LayerBlobs {
  readonly #content: ContentStore;
  readonly #blobs: Collection<readonly Descriptor[]>;
  readonly #metadata: MetadataStore;

  constructor(content: ContentStore, metadata: MetadataStore) {
    this.#content = content;
    this.#metadata = metadata;
    this.#blobs = metadata.collection('layer-blobs');
  }

  /** Remembers one more form of a layer. */
  remember(diffId: DiffID, blob: Descriptor): void {
    this.#metadata.transaction(
      () => {
        const known = this.#blobs.get(diffId) ?? [];
        if (!known.some((other) => other.digest === blob.digest)) this.#blobs.put(diffId, [...known, blob]);
      },
      { durable: false },
    );
  }

  /** The forms whose bytes are still stored. */
  async of(diffId: DiffID): Promise<Descriptor[]> {
    const present: Descriptor[] = [];
    for (const blob of this.#blobs.get(diffId) ?? []) if (await this.#content.info(blob.digest)) present.push(blob);
    return present;
  }

  /** For the garbage collector: all remembered forms. */
  remembered(diffId: DiffID): readonly Descriptor[] {
    return this.#blobs.get(diffId) ?? [];
  }

  /** Drops what is remembered of layers that nothing uses any more. */
  forgetAllBut(used: ReadonlySet<string>): void {
    this.#metadata.transaction(
      () => {
        for (const { key } of this.#blobs.list()) if (!used.has(key)) this.#blobs.delete(key);
      },
      { durable: false },
    );
  }
}
