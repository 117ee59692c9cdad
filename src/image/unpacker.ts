import { createHash, randomBytes } from 'node:crypto';
import { applyLayer, autoDecompress } from '../archive/index.ts';
import { SingleFlight } from '../base/index.ts';
import type { ContentStore } from '../content/index.ts';
import { LadingError, isLadingError } from '../errors/index.ts';
import { chainIdOf, type ChainID, type Descriptor, type DiffID } from '../oci/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import type { LayerBlobs } from './layer-blobs.ts';

/** Turns stored layers into committed snapshots named by ChainID. The same layer asked for twice at once is unpacked once. */
export class Unpacker {
  readonly #content: ContentStore;
  readonly #snapshotter: Snapshotter;
  readonly #forms: LayerBlobs | undefined;
  readonly #running = new SingleFlight<Descriptor | undefined>();
  readonly #unfinished = new Set<string>();

  /** @param forms blobs that are known to hold a layer; those found to do so are added */
  constructor(content: ContentStore, snapshotter: Snapshotter, forms?: LayerBlobs) {
    this.#content = content;
    this.#snapshotter = snapshotter;
    this.#forms = forms;
  }

  /**
   * Makes the snapshot of one layer on top of `parent`, unless it exists: then only the blob is compared with the diffID, for whoever pairs the two may lie.
   * Nothing is visible before the whole layer is applied and its diffID checked; on failure nothing is left.
   * @returns the layer's ChainID
   * @throws data_loss when the blob is not a form of the layer
   */
  async unpack(
    parent: ChainID | undefined,
    diffId: DiffID,
    blob: Descriptor,
    options: { signal?: AbortSignal } = {},
  ): Promise<ChainID> {
    const chainId = chainIdOf(parent, diffId);
    const applied = await this.#applyOnce(chainId, parent, diffId, blob, options.signal);
    if (applied?.digest !== blob.digest) await this.#compare(diffId, blob, options.signal);
    this.#forms?.remember(diffId, blob);
    return chainId;
  }

  /** @returns the blob that was applied; undefined when the snapshot was there */
  async #applyOnce(
    chainId: ChainID,
    parent: ChainID | undefined,
    diffId: DiffID,
    blob: Descriptor,
    signal: AbortSignal | undefined,
  ): Promise<Descriptor | undefined> {
    if (await this.#snapshotter.stat(chainId)) return undefined;
    for (;;)
      try {
        return await this.#running.run(chainId, () => this.#apply(chainId, parent, diffId, blob, signal));
      } catch (error) {
        // Who began it has cancelled it; this caller has not, and begins it again.
        if (!isLadingError(error, 'cancelled') || signal?.aborted) throw error;
      }
  }

  async #compare(diffId: DiffID, blob: Descriptor, signal: AbortSignal | undefined): Promise<void> {
    // Uncompressed, the digest says all.
    if (blob.digest === (diffId as string)) return;
    if (this.#forms?.remembered(diffId).some(({ digest }) => digest === blob.digest)) return;
    const found = await this.#diffIdOf(blob, signal);
    if (found !== diffId)
      throw new LadingError('data_loss', `layer ${blob.digest}: its diffID is "${found}", the image says "${diffId}"`);
  }

  async #diffIdOf({ digest }: Descriptor, signal: AbortSignal | undefined): Promise<string> {
    const { stream } = await autoDecompress(await this.#content.open(digest));
    const sha256 = createHash('sha256');
    for await (const chunk of stream) {
      signal?.throwIfAborted();
      sha256.update(chunk);
    }
    return `sha256:${sha256.digest('hex')}`;
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
  ): Promise<Descriptor | undefined> {
    if (await this.#snapshotter.stat(chainId)) return undefined;
    const key = `unpack-${randomBytes(8).toString('hex')}`;
    await this.#snapshotter.prepare(key, parent);
    try {
      const dir = await this.#snapshotter.upperDirOf(key);
      const lowerDirs = await this.#snapshotter.lowerDirsOf(parent);
      const path = await this.#content.pathOf(blob.digest);
      await applyLayer({ path }, { dir, lowerDirs, expectedDiffId: diffId, ...(signal ? { signal } : {}) });
      await this.#snapshotter.commit(chainId, key);
      return blob;
    } catch (error) {
      this.#unfinished.add(key);
      await this.sweep();
      throw error;
    }
  }
}
