import { LadingError } from '../errors/index.ts';
import type { VolumeRecord, VolumeStore } from '../volume/index.ts';
import type { EventBus } from './events.ts';
import { matchesLabels, matchesUntil } from './filters.ts';
import { folderSize } from './folder-size.ts';
import type { Filters, VolumeEngine, VolumeView } from './types.ts';

/** Use cases of volumes; `usersOf` tells which containers hold one. */
export class LocalVolumes implements VolumeEngine {
  readonly #store: VolumeStore;
  readonly #events: EventBus;
  readonly #usersOf: (name: string) => string[];

  constructor(store: VolumeStore, events: EventBus, usersOf: (name: string) => string[]) {
    this.#store = store;
    this.#events = events;
    this.#usersOf = usersOf;
  }

  async create(request: {
    name?: string;
    labels?: Record<string, string>;
    options?: Record<string, string>;
  }): Promise<VolumeView> {
    const record = await this.#store.create(request);
    this.#events.publish('volume', 'create', record.name, { driver: 'local' });
    return this.#view(record);
  }

  async list(): Promise<VolumeView[]> {
    return this.#store.list().map((record) => this.#view(record));
  }

  async get(name: string): Promise<VolumeView> {
    const record = this.#store.get(name);
    if (!record) throw new LadingError('not_found', `get ${name}: no such volume`);
    return this.#view(record);
  }

  async remove(name: string, force: boolean): Promise<void> {
    const users = this.#usersOf(name);
    if (users.length > 0) throw new LadingError('conflict', `remove ${name}: volume is in use - [${users.join(', ')}]`);
    const existed = await this.#store.remove(name);
    if (!existed && !force) throw new LadingError('not_found', `get ${name}: no such volume`);
    if (existed) this.#events.publish('volume', 'destroy', name, { driver: 'local' });
  }

  /** Unused anonymous volumes; with the filter `all` named ones too. */
  async prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimed: number }> {
    const all = ['1', 'true'].includes(filters['all']?.[0] ?? '');
    const deleted: string[] = [];
    let spaceReclaimed = 0;
    for (const record of this.#store.list()) {
      if (!(record.anonymous || all) || this.#usersOf(record.name).length > 0) continue;
      if (!matchesLabels(record.labels, filters) || !matchesUntil(record.createdAt, filters)) continue;
      spaceReclaimed += await folderSize(this.#store.pathOf(record.name));
      await this.#store.remove(record.name);
      deleted.push(record.name);
    }
    return { deleted, spaceReclaimed };
  }

  #view(record: VolumeRecord): VolumeView {
    return { ...record, mountpoint: this.#store.pathOf(record.name) };
  }
}
