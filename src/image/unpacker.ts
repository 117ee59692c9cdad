import { randomBytes } from 'node:crypto';
import { applyLayer } from '../archive/index.ts';
import { SingleFlight } from '../base/index.ts';
import type { ContentStore } from '../content/index.ts';
import { isLadingError } from '../errors/index.ts';
import { chainIdOf, type ChainID, type Descriptor, type DiffID } from '../oci/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';

/** Turns stored layers into committed snapshots named by ChainID. The same layer asked for twice at once is unpacked once. */
export class Unpacker {
  readonly #content: ContentStore;
  readonly #snapshotter: Snapshotter;
  readonly #running = new SingleFlight<void>();
  readonly #unfinished = new Set<string>();

  constructor(content: ContentStore, snapshotter: Snapshotter) {
    this.#content = content;
    this.#snapshotter = snapshotter;
  }

  /**
   * Makes the snapshot of one layer on top of `parent`, unless it exists.
   * Nothing is visible before the whole layer is applied and its diffID checked; on failure nothing is left.
   * @returns the layer's ChainID
   */
  async unpack(
    parent: ChainID | undefined,
    diffId: DiffID,
    blob: Descriptor,
    options: { signal?: AbortSignal } = {},
  ): Promise<ChainID> {
    const chainId = chainIdOf(parent, diffId);
    if (await this.#snapshotter.stat(chainId)) return chainId;
    for (;;)
      try {
        await this.#running.run(chainId, () => this.#apply(chainId, parent, diffId, blob, options.signal));
        return chainId;
      } catch (error) {
        // Who began it has cancelled it; this caller has not, and begins it again.
        if (!isLadingError(error, 'cancelled') || options.signal?.aborted) throw error;
      }
  }

  /**
   * Removes what failed unpackings left. On a full disk even that can fail at first, for it is recorded;
   * the garbage collector asks again when it has made room.
   */
  async sweep(): Promise<void> {
    for (const key of this.#unfinished) {
      try {
        await this.#snapshotter.remove(key);
        this.#unfinished.delete(key);
      } catch {
        // Kept for the next sweep; at the latest the next start removes it.
      }
    }
  }

  /** Unpacked size of a committed layer, bytes. */
  async sizeOf(chainId: ChainID): Promise<number> {
    return (await this.#snapshotter.usage(chainId)).sizeBytes;
  }

  async #apply(
    chainId: ChainID,
    parent: ChainID | undefined,
    diffId: DiffID,
    blob: Descriptor,
    signal?: AbortSignal,
  ): Promise<void> {
    if (await this.#snapshotter.stat(chainId)) return;
    const key = `unpack-${randomBytes(8).toString('hex')}`;
    await this.#snapshotter.prepare(key, parent);
    try {
      const dir = await this.#snapshotter.upperDirOf(key);
      const lowerDirs = await this.#snapshotter.lowerDirsOf(parent);
      const path = await this.#content.pathOf(blob.digest);
      await applyLayer({ path }, { dir, lowerDirs, expectedDiffId: diffId, ...(signal ? { signal } : {}) });
      await this.#snapshotter.commit(chainId, key);
    } catch (error) {
      this.#unfinished.add(key);
      await this.sweep();
      throw error;
    }
  }
}
