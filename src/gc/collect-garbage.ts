import type { ContentManager } from '../content/index.ts';
import { isLadingError } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';
import type { SnapshotInfo, Snapshotter } from '../snapshot/index.ts';
import type { LeaseSet, LeaseWatch } from './lease-set.ts';

/** What records name: images, containers, build cache. Blobs one by one (a manifest's layers too); of snapshots the topmost is enough. */
export interface Roots {
  readonly digests: ReadonlySet<Digest>;
  readonly snapshots: ReadonlySet<string>;
}

export interface CollectGarbageOptions {
  readonly content: Pick<ContentManager, 'walk' | 'delete'>;
  readonly snapshotter: Pick<Snapshotter, 'walk' | 'remove' | 'usage'>;
  readonly leases: LeaseSet;
  readonly roots: () => Roots | Promise<Roots>;
  readonly signal?: AbortSignal;
}

export interface CollectedGarbage {
  readonly blobs: readonly Digest[];
  readonly snapshots: readonly string[];
  /** Of both, bytes. */
  readonly freedBytes: number;
}

/**
 * Deletes blobs and committed snapshots that neither a root nor a lease needs; active snapshots, views and what is below them stay.
 *
 * Safe beside work that keeps the rule of {@link LeaseSet}. Something in use is, at every moment, held by a lease or named by a record.
 * Leases are noted from before the roots are read. So what the roots do not show was either leased since then, and is noted although
 * the lease may have ended, or is in nobody's use. Note and deletion are compared in one step of the event loop, and whoever
 * leases a thing while it is being deleted waits until it is gone and then makes it again.
 */
export async function collectGarbage(options: CollectGarbageOptions): Promise<CollectedGarbage> {
  const startedAt = Date.now();
  using watch = options.leases.watch();
  const roots = await options.roots();
  const snapshots = await new SnapshotSweep(options, watch, startedAt).run(roots.snapshots);
  const blobs = await sweepBlobs(options, watch, startedAt, roots.digests);
  return { blobs: blobs.deleted, snapshots: snapshots.deleted, freedBytes: blobs.freedBytes + snapshots.freedBytes };
}

interface Swept<T> {
  readonly deleted: readonly T[];
  readonly freedBytes: number;
}

async function sweepBlobs(
  { content, signal }: CollectGarbageOptions,
  watch: LeaseWatch,
  startedAt: number,
  marked: ReadonlySet<Digest>,
): Promise<Swept<Digest>> {
  const deleted: Digest[] = [];
  let freedBytes = 0;
  for await (const { digest, size, createdAt } of content.walk()) {
    signal?.throwIfAborted();
    if (marked.has(digest) || createdAt.getTime() >= startedAt) continue;
    if (!(await watch.deleteBlob(digest, () => content.delete(digest)))) continue;
    deleted.push(digest);
    freedBytes += size;
  }
  return { deleted, freedBytes };
}

class SnapshotSweep {
  readonly #options: CollectGarbageOptions;
  readonly #watch: LeaseWatch;
  readonly #startedAt: number;
  readonly #all = new Map<string, SnapshotInfo>();
  readonly #deleted: string[] = [];
  #freedBytes = 0;

  constructor(options: CollectGarbageOptions, watch: LeaseWatch, startedAt: number) {
    this.#options = options;
    this.#watch = watch;
    this.#startedAt = startedAt;
  }

  async run(roots: ReadonlySet<string>): Promise<Swept<string>> {
    for await (const info of this.#options.snapshotter.walk()) this.#all.set(info.name, info);
    const marked = this.#mark([...roots, ...this.#watch.snapshots()]);
    for (const name of this.#leafFirst()) if (!marked.has(name)) await this.#remove(name);
    return { deleted: this.#deleted, freedBytes: this.#freedBytes };
  }

  /** The roots, what is not committed or too young, and everything below them. */
  #mark(roots: readonly string[]): Set<string> {
    const marked = new Set<string>();
    const kept = [...this.#all.values()].filter(
      ({ kind, createdAt }) => kind !== 'committed' || Date.parse(createdAt) >= this.#startedAt,
    );
    for (const root of [...roots, ...kept.map((info) => info.name)])
      for (
        let name: string | undefined = root;
        name !== undefined && !marked.has(name);
        name = this.#all.get(name)?.parent
      )
        marked.add(name);
    return marked;
  }

  /** Every snapshot after all that are on top of it. */
  #leafFirst(): string[] {
    const depth = new Map<string, number>();
    const depthOf = (name: string): number => {
      const parent = this.#all.get(name)?.parent;
      const known = depth.get(name) ?? (parent === undefined ? 0 : depthOf(parent) + 1);
      depth.set(name, known);
      return known;
    };
    return [...this.#all.keys()].sort((a, b) => depthOf(b) - depthOf(a));
  }

  async #remove(name: string): Promise<void> {
    const { snapshotter, signal } = this.#options;
    signal?.throwIfAborted();
    // Measured first, since the lease check and the removal must not be apart. Layers were measured when they were made: it costs nothing.
    const { sizeBytes } = await snapshotter.usage(name).catch(() => ({ sizeBytes: 0 }));
    try {
      if (!(await this.#watch.deleteSnapshot(name, () => snapshotter.remove(name)))) return;
    } catch (error) {
      // Somebody built on it since the mark.
      if (isLadingError(error, 'conflict')) return;
      throw error;
    }
    this.#deleted.push(name);
    this.#freedBytes += sizeBytes;
  }
}
