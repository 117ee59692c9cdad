import type { ContentStore } from '../../content/index.ts';
import type { LayerBlobs } from '../../image/index.ts';
import type { Digest } from '../../oci/index.ts';
import type { Snapshotter } from '../../snapshot/index.ts';
import type { CacheRecord } from './cache-record.ts';

/** Blobs and snapshots; of snapshots the topmost stands for all below it. */
export interface Holdings {
  readonly digests: ReadonlySet<Digest>;
  readonly snapshots: ReadonlySet<string>;
}

/** What needs parts of the cache beside the cache itself. */
export interface Holders {
  /** Images and containers. */
  readonly kept: Holdings;
  /** Builds, pulls and pushes that run. */
  readonly running: Holdings;
}

export interface AccountDependencies {
  readonly content: Pick<ContentStore, 'info'>;
  readonly snapshotter: Pick<Snapshotter, 'walk' | 'upperDirOf' | 'usage'>;
  readonly layerBlobs: LayerBlobs;
}

/** A file or folder on the disk: "folder /path" or "blob sha256:…". Snapshots may share a folder. */
type Thing = string;

interface Entry {
  readonly record: CacheRecord;
  /** Of its own layer. */
  readonly own: readonly Thing[];
  /** Own and of everything below. */
  readonly all: readonly Thing[];
  /** Snapshots below its own. */
  readonly below: readonly string[];
}

/**
 * What each record of the build cache costs and what its removal would free, counted in the folders and blobs on the disk: what images
 * or containers need too is free of charge, and what several records need is freed with the last of them.
 */
export class CacheAccount {
  readonly #entries = new Map<string, Entry>();
  readonly #sizes = new Map<Thing, number>();
  readonly #countedFor = new Map<Thing, string>();
  readonly #users = new Map<Thing, number>();
  /** Snapshot → records of layers on top of it. */
  readonly #above = new Map<string, number>();
  readonly #kept = new Set<Thing>();
  readonly #running = new Set<Thing>();
  readonly #parents = new Map<string, string | undefined>();
  readonly #d: AccountDependencies;
  /** Bytes that would be free without any record. */
  totalBytes = 0;

  private constructor(dependencies: AccountDependencies) {
    this.#d = dependencies;
  }

  static async take(records: readonly CacheRecord[], holders: Holders, d: AccountDependencies): Promise<CacheAccount> {
    const account = new CacheAccount(d);
    for await (const { name, kind, parent } of d.snapshotter.walk())
      if (kind === 'committed') account.#parents.set(name, parent);
    await account.#mark(holders.kept, account.#kept);
    await account.#mark(holders.running, account.#running);
    for (const record of records) await account.#add(record);
    for (const thing of account.#users.keys()) account.totalBytes += account.#cost(thing);
    return account;
  }

  /** Bytes of the record's own layer, whoever else needs it; what two records have in common counts for one of them. */
  sizeOf(key: string): number {
    const { own } = this.#entry(key);
    return sum(own.filter((thing) => this.#countedFor.get(thing) === key).map((thing) => this.#sizes.get(thing) ?? 0));
  }

  /** An image or container has its files. */
  isShared(key: string): boolean {
    const [folder] = this.#entry(key).own;
    return folder !== undefined && this.#kept.has(folder);
  }

  /** A running build has its layer, or one on top of it. */
  isInUse(key: string): boolean {
    return this.#entry(key).own.some((thing) => this.#running.has(thing));
  }

  /** Another record's layer stands on this one's. */
  hasAbove(key: string): boolean {
    const place = this.#entry(key).record.layer?.chainId;
    return place !== undefined && (this.#above.get(place) ?? 0) > 0;
  }

  depthOf(key: string): number {
    return this.#entry(key).below.length;
  }

  /** Counts the record as removed. @returns bytes that this frees */
  remove(key: string): number {
    const { all, below } = this.#entry(key);
    this.#entries.delete(key);
    let freed = 0;
    for (const thing of all) {
      const left = (this.#users.get(thing) ?? 1) - 1;
      this.#users.set(thing, left);
      if (left === 0) freed += this.#cost(thing);
    }
    for (const name of below) this.#above.set(name, (this.#above.get(name) ?? 1) - 1);
    this.totalBytes -= freed;
    return freed;
  }

  async #mark({ digests, snapshots }: Holdings, marked: Set<Thing>): Promise<void> {
    for (const digest of digests) marked.add(`blob ${digest}`);
    for (const name of snapshots) for (const one of this.#stack(name)) marked.add(await this.#folderOf(one));
  }

  async #add(record: CacheRecord): Promise<void> {
    const { key, layer } = record;
    const stack = layer ? this.#stack(layer.chainId) : [];
    const folders: Thing[] = [];
    for (const name of stack) folders.push(await this.#measured(name));
    const blobs: Thing[] = [];
    if (layer)
      for (const { digest } of [layer.blob, ...this.#d.layerBlobs.remembered(layer.diffId)])
        blobs.push(await this.#blob(digest));
    const own = [...new Set([...folders.slice(0, 1), ...blobs])];
    const all = [...new Set([...folders, ...blobs])];
    this.#entries.set(key, { record, own, all, below: stack.slice(1) });
    for (const thing of own) if (!this.#countedFor.has(thing)) this.#countedFor.set(thing, key);
    for (const thing of all) this.#users.set(thing, (this.#users.get(thing) ?? 0) + 1);
    for (const name of stack.slice(1)) this.#above.set(name, (this.#above.get(name) ?? 0) + 1);
  }

  /** A snapshot and those below it, topmost first. */
  #stack(name: string): string[] {
    const stack: string[] = [];
    for (
      let next: string | undefined = name;
      next !== undefined && this.#parents.has(next);
      next = this.#parents.get(next)
    )
      stack.push(next);
    return stack;
  }

  async #folderOf(name: string): Promise<Thing> {
    return `folder ${await this.#d.snapshotter.upperDirOf(name).catch(() => name)}`;
  }

  async #measured(name: string): Promise<Thing> {
    const thing = await this.#folderOf(name);
    if (!this.#sizes.has(thing))
      this.#sizes.set(thing, (await this.#d.snapshotter.usage(name).catch(() => ({ sizeBytes: 0 }))).sizeBytes);
    return thing;
  }

  async #blob(digest: Digest): Promise<Thing> {
    const thing = `blob ${digest}`;
    if (!this.#sizes.has(thing)) this.#sizes.set(thing, (await this.#d.content.info(digest))?.size ?? 0);
    return thing;
  }

  /** What is free once no record needs it. */
  #cost(thing: Thing): number {
    return this.#kept.has(thing) || this.#running.has(thing) ? 0 : (this.#sizes.get(thing) ?? 0);
  }

  #entry(key: string): Entry {
    return this.#entries.get(key) ?? { record: { key } as CacheRecord, own: [], all: [], below: [] };
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
