import { LadingError } from '../../errors/index.ts';
import type { Collection, MetadataStore } from '../../metadata/index.ts';
import type { SnapshotInfo, SnapshotKind, Usage } from '../snapshotter.ts';

/** What is remembered of one snapshot, under its key or name. */
export interface SnapshotRecord {
  /** Names the folder. Short, since mount options hold one for every layer. */
  readonly id: number;
  readonly kind: SnapshotKind;
  /** Name of the committed parent: it stays valid when that one has to be unpacked again. */
  readonly parent?: string;
  readonly createdAt: string;
  /** Of a committed snapshot, once asked for. */
  readonly usage?: Usage;
}

export interface NamedRecord {
  readonly name: string;
  readonly record: SnapshotRecord;
}

/** The snapshots' records; every change is one transaction. */
export class SnapshotRecords {
  readonly #metadata: MetadataStore;
  readonly #snapshots: Collection<SnapshotRecord>;
  /** One entry `parent/child` for every snapshot that has a parent. */
  readonly #children: Collection<true>;
  readonly #counters: Collection<number>;
  /** Folder id → how many records share it, when more than one does. */
  readonly #shared: Collection<number>;

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata;
    this.#snapshots = metadata.collection('snapshots');
    this.#children = metadata.collection('snapshot-children');
    this.#counters = metadata.collection('snapshot-counters');
    this.#shared = metadata.collection('snapshot-shared-folders');
  }

  find(name: string): SnapshotRecord | undefined {
    return this.#snapshots.get(name);
  }

  /** @throws not_found */
  get(name: string): SnapshotRecord {
    const record = this.find(name);
    if (record) return record;
    throw new LadingError('not_found', `find snapshot "${name}": no such snapshot`);
  }

  list(): NamedRecord[] {
    return this.#snapshots.list().map(({ key, value }) => ({ name: key, record: value }));
  }

  /** @throws already_exists, not_found (parent), invalid_argument (parent not committed) */
  create(key: string, kind: 'active' | 'view', parent: string | undefined): SnapshotRecord {
    return this.#transaction(() => {
      if (this.find(key)) throw new LadingError('already_exists', `prepare snapshot "${key}": it exists already`);
      if (parent !== undefined) this.#assertParent(key, parent);
      const id = (this.#counters.get('id') ?? 0) + 1;
      this.#counters.put('id', id);
      const record = { id, kind, createdAt: new Date().toISOString(), ...(parent === undefined ? {} : { parent }) };
      this.#put(key, record);
      return record;
    });
  }

  /**
   * Moves active `key` to committed `name`.
   * @returns undefined when `name` is committed already; nothing is changed then
   */
  commit(
    name: string,
    key: string,
    usage: Usage | undefined,
    options: { readonly durable: boolean },
  ): SnapshotRecord | undefined {
    return this.#transaction(() => {
      const active = this.get(key);
      if (active.kind !== 'active')
        throw new LadingError('conflict', `commit snapshot "${key}": it is ${active.kind}, not active`);
      const existing = this.find(name);
      if (existing?.kind === 'committed') return undefined;
      if (existing)
        throw new LadingError('already_exists', `commit snapshot "${key}" as "${name}": that is the key of another`);
      this.#delete(key, active);
      const committed: SnapshotRecord = {
        ...active,
        kind: 'committed',
        createdAt: new Date().toISOString(),
        ...(usage ? { usage } : {}),
      };
      this.#put(name, committed);
      return committed;
    }, options);
  }

  /** One more committed record of `source`'s folder, unless `name` is taken. @throws not_found, conflict */
  graft(name: string, source: string, parent: string): void {
    this.#transaction(() => {
      if (this.find(name)) return;
      const record = this.get(source);
      const state = record.kind !== 'committed' ? record.kind : record.parent !== undefined ? 'on a parent' : '';
      if (state !== '') throw new LadingError('conflict', `graft snapshot "${source}": it is ${state}`);
      this.#assertParent(name, parent);
      this.#shared.put(String(record.id), (this.#shared.get(String(record.id)) ?? 1) + 1);
      this.#put(name, { ...record, parent, createdAt: new Date().toISOString() });
    });
  }

  /**
   * undefined when there is none.
   * @returns the record, and whether its folder is another's too
   * @throws conflict when it has children
   */
  remove(name: string): { record: SnapshotRecord; folderIsShared: boolean } | undefined {
    return this.#transaction(() => {
      const record = this.find(name);
      if (!record) return undefined;
      const [child] = this.#childrenOf(name);
      if (child !== undefined)
        throw new LadingError('conflict', `remove snapshot "${name}": it is the parent of "${child}"`);
      const folderIsShared = this.#shared.get(String(record.id)) !== undefined;
      this.#delete(name, record);
      this.#letGoOfFolder(record.id);
      return { record, folderIsShared };
    });
  }

  /** Forgets a record whose folder is gone, and all committed ones on top of it. @returns what was forgotten */
  forgetLost(name: string): NamedRecord[] {
    return this.#transaction(() => {
      const record = this.find(name);
      if (!record) return [];
      this.#delete(name, record);
      this.#letGoOfFolder(record.id);
      const above = this.#childrenOf(name).filter((child) => this.find(child)?.kind === 'committed');
      return [{ name, record }, ...above.flatMap((child) => this.forgetLost(child))];
    });
  }

  rememberUsage(name: string, id: number, usage: Usage): void {
    this.#transaction(() => {
      const record = this.find(name);
      if (record?.id === id && record.kind === 'committed') this.#snapshots.put(name, { ...record, usage });
    });
  }

  #assertParent(key: string, parent: string): void {
    const record = this.find(parent);
    if (record?.kind === 'committed') return;
    if (!record) throw new LadingError('not_found', `prepare snapshot "${key}": no parent snapshot "${parent}"`);
    throw new LadingError(
      'invalid_argument',
      `prepare snapshot "${key}": parent "${parent}" is ${record.kind}, not committed`,
    );
  }

  #put(name: string, record: SnapshotRecord): void {
    this.#snapshots.put(name, record);
    if (record.parent !== undefined) this.#children.put(childKey(record.parent, name), true);
  }

  #delete(name: string, record: SnapshotRecord): void {
    this.#snapshots.delete(name);
    if (record.parent !== undefined) this.#children.delete(childKey(record.parent, name));
  }

  #letGoOfFolder(id: number): void {
    const sharers = this.#shared.get(String(id));
    if (sharers === undefined) return;
    if (sharers > 2) this.#shared.put(String(id), sharers - 1);
    else this.#shared.delete(String(id));
  }

  #childrenOf(name: string): string[] {
    const prefix = childKey(name, '');
    return this.#children.list(prefix).map(({ key }) => decodeURIComponent(key.slice(prefix.length)));
  }

  /** Not synced by default: a lost record makes its folder trash, which is right for anything not committed. */
  #transaction<T>(work: () => T, options: { readonly durable: boolean } = { durable: false }): T {
    return this.#metadata.transaction(work, options);
  }
}

function childKey(parent: string, child: string): string {
  return `${encodeURIComponent(parent)}/${encodeURIComponent(child)}`;
}

/** A record as the contract shows it. */
export function snapshotInfo({ name, record }: NamedRecord): SnapshotInfo {
  const { kind, parent, createdAt } = record;
  return { name, kind, createdAt, ...(parent === undefined ? {} : { parent }) };
}
