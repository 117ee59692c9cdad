import { LadingError } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';

/** A blob or a snapshot, as one text. */
type Resource = `blob ${Digest}` | `snapshot ${string}`;

/**
 * What running work needs and no record names yet. Lives in memory: it ends with the process, as the work does.
 *
 * The rule that makes collection safe beside pulls, builds and pushes:
 * 1. take a lease and `await` adding a name *before* looking whether that blob or snapshot exists, or making it;
 * 2. write the record that makes it a root (image, container, cache entry) *before* the lease ends.
 */
export class LeaseSet {
  /** How many leases hold it. */
  readonly #held = new Map<Resource, number>();
  /** One set for every collection that runs: all that was held at any time since it began. */
  readonly #seen = new Set<Set<Resource>>();
  readonly #deleting = new Map<Resource, Promise<unknown>>();

  take(): Lease {
    return new Lease(
      (resource) => this.#hold(resource),
      (resource) => this.#release(resource),
    );
  }

  /** What is held now; of snapshots each stands for all below it. */
  held(): { digests: Set<Digest>; snapshots: Set<string> } {
    const digests = new Set<Digest>();
    const snapshots = new Set<string>();
    for (const resource of this.#held.keys())
      if (resource.startsWith('blob ')) digests.add(resource.slice('blob '.length) as Digest);
      else snapshots.add(resource.slice('snapshot '.length));
    return { digests, snapshots };
  }

  /** For a collection: begins to note what is held. */
  watch(): LeaseWatch {
    const seen = new Set(this.#held.keys());
    this.#seen.add(seen);
    return new LeaseWatch(seen, this.#deleting, () => void this.#seen.delete(seen));
  }

  async #hold(resource: Resource): Promise<void> {
    this.#held.set(resource, (this.#held.get(resource) ?? 0) + 1);
    for (const seen of this.#seen) seen.add(resource);
    // A deletion that began before ends before: afterwards it is there to stay, or known to be gone.
    await this.#deleting.get(resource)?.catch(() => undefined);
  }

  #release(resource: Resource): void {
    const left = (this.#held.get(resource) ?? 0) - 1;
    if (left > 0) this.#held.set(resource, left);
    else this.#held.delete(resource);
  }
}

/** Protects blobs and snapshots until it is disposed. */
export class Lease implements AsyncDisposable {
  readonly #hold: (resource: Resource) => Promise<void>;
  readonly #release: (resource: Resource) => void;
  readonly #resources = new Set<Resource>();
  #ended = false;

  constructor(hold: (resource: Resource) => Promise<void>, release: (resource: Resource) => void) {
    this.#hold = hold;
    this.#release = release;
  }

  /** Holds at once; when the promise resolves, what exists under the digest stays and what does not was not about to be deleted. */
  addDigest(digest: Digest): Promise<void> {
    return this.#add(`blob ${digest}`);
  }

  /** The same for a committed snapshot, with everything below it. */
  addSnapshot(name: string): Promise<void> {
    return this.#add(`snapshot ${name}`);
  }

  /** Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    for (const resource of this.#resources) this.#release(resource);
    this.#resources.clear();
  }

  async #add(resource: Resource): Promise<void> {
    if (this.#ended) throw new LadingError('internal', `lease ${resource}: the lease has ended`);
    if (this.#resources.has(resource)) return;
    this.#resources.add(resource);
    await this.#hold(resource);
  }
}

/** A collection's view of the leases: what was held at any time since it began counts as held, also after its release. */
export class LeaseWatch implements Disposable {
  readonly #seen: ReadonlySet<Resource>;
  readonly #deleting: Map<Resource, Promise<unknown>>;
  readonly #end: () => void;

  constructor(seen: ReadonlySet<Resource>, deleting: Map<Resource, Promise<unknown>>, end: () => void) {
    this.#seen = seen;
    this.#deleting = deleting;
    this.#end = end;
  }

  /** Names of the snapshots held so far. */
  snapshots(): string[] {
    return [...this.#seen].filter((resource) => resource.startsWith('snapshot ')).map((resource) => resource.slice(9));
  }

  /** Runs `work`, which deletes the blob, unless it is held; who leases it meanwhile waits. Whether it ran. */
  deleteBlob(digest: Digest, work: () => Promise<unknown>): Promise<boolean> {
    return this.#delete(`blob ${digest}`, work);
  }

  deleteSnapshot(name: string, work: () => Promise<unknown>): Promise<boolean> {
    return this.#delete(`snapshot ${name}`, work);
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  async #delete(resource: Resource, work: () => Promise<unknown>): Promise<boolean> {
    if (this.#seen.has(resource)) return false;
    const deletion = work();
    this.#deleting.set(resource, deletion);
    try {
      await deletion;
      return true;
    } finally {
      if (this.#deleting.get(resource) === deletion) this.#deleting.delete(resource);
    }
  }
}
