import { hash } from 'node:crypto';
import type { Collection, MetadataStore } from '../../metadata/index.ts';
import type { Descriptor, Digest, DiffID } from '../../oci/index.ts';
import type { CacheInputs, CacheRecord, StepInputs } from './cache-record.ts';

/** What a lookup by something cheaper than contents found before. */
interface Selection {
  readonly chainId: string;
  readonly digest: string;
}

/** The key of a step: the digest of its inputs. */
export function cacheKeyOf(inputs: StepInputs): string {
  return hash('sha256', JSON.stringify(inputs));
}

/** Records of build steps in the metadata store; they survive restarts. Nothing is durable at once: a lost record costs one step. */
export class BuildCache {
  readonly #metadata: MetadataStore;
  readonly #records: Collection<CacheRecord>;
  readonly #inputs: Collection<CacheInputs>;
  readonly #selections: Collection<Selection>;
  readonly #images: Collection<{ readonly createdAt: string }>;

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata;
    this.#records = metadata.collection('build-cache');
    this.#inputs = metadata.collection('build-cache-inputs');
    this.#selections = metadata.collection('build-selections');
    this.#images = metadata.collection('build-image-times');
  }

  find(key: string): CacheRecord | undefined {
    return this.#records.get(key);
  }

  /** For explaining a hit or miss. */
  inputsOf(key: string): CacheInputs | undefined {
    return this.#inputs.get(key);
  }

  put(record: CacheRecord, inputs: CacheInputs): void {
    this.#write(() => {
      this.#records.put(record.key, record);
      this.#inputs.put(record.key, inputs);
    });
  }

  /** Notes that records were used, in one go at the end of a build. */
  touch(keys: ReadonlySet<string>): void {
    const lastUsedAt = new Date().toISOString();
    this.#write(() => {
      for (const key of keys) {
        const record = this.#records.get(key);
        if (record) this.#records.put(key, { ...record, lastUsedAt, uses: record.uses + 1 });
      }
    });
  }

  records(): CacheRecord[] {
    return this.#records.list().map(({ value }) => value);
  }

  remove(keys: Iterable<string>): void {
    this.#write(() => {
      for (const key of keys) {
        this.#records.delete(key);
        this.#inputs.delete(key);
      }
      const alive = new Set(this.#records.list().flatMap(({ value }) => value.layer?.chainId ?? []));
      for (const { key, value } of this.#selections.list())
        if (!alive.has(value.chainId as never)) this.#selections.delete(key);
    });
  }

  /** The digest of files selected from a committed snapshot, which never changes. */
  selection(key: string): string | undefined {
    return this.#selections.get(key)?.digest;
  }

  rememberSelection(key: string, chainId: string, digest: string): void {
    this.#write(() => this.#selections.put(key, { chainId, digest }));
  }

  /** When an image without own layers was built first: the answer for one key never changes. */
  firstBuiltAt(key: string, now: string): string {
    const known = this.#images.get(key);
    if (known) return known.createdAt;
    this.#write(() => this.#images.put(key, { createdAt: now }));
    return now;
  }

  /** When an image without own layers was built first, if it was. */
  imageTime(key: string): string | undefined {
    return this.#images.get(key)?.createdAt;
  }

  /** What the garbage collector must keep: snapshots, and every known form of their layers. */
  roots(formsOf: (diffId: DiffID) => readonly Descriptor[]): { digests: Set<Digest>; snapshots: Set<string> } {
    const digests = new Set<Digest>();
    const snapshots = new Set<string>();
    for (const { layer } of this.records()) {
      if (!layer) continue;
      for (const { digest } of [layer.blob, ...formsOf(layer.diffId)]) digests.add(digest);
      snapshots.add(layer.chainId);
    }
    return { digests, snapshots };
  }

  #write(work: () => void): void {
    this.#metadata.transaction(work, { durable: false });
  }
}
