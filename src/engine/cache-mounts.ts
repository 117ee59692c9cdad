import type { Readable } from 'node:stream';
import { exportMounts, importMounts, type Builder } from '../builder/index.ts';
import { LadingError } from '../errors/index.ts';
import type { CacheMountEngine, CacheMountView, ImportedMount } from './types.ts';

/** Use cases of cache mounts. */
export class LocalCacheMounts implements CacheMountEngine {
  readonly #builder: Builder;

  constructor(builder: Builder) {
    this.#builder = builder;
  }

  async list(): Promise<CacheMountView[]> {
    return (await this.#builder.cacheMounts()).list();
  }

  async remove(names: readonly string[] | 'all'): Promise<CacheMountView[]> {
    const mounts = await this.#builder.cacheMounts();
    const views = names === 'all' ? await mounts.list() : await mounts.resolve(names);
    const busy = views.find(({ inUse }) => inUse);
    if (busy && names !== 'all')
      throw new LadingError('conflict', `cache mount ${busy.name || busy.folder} is in use by a running build`);
    const removed: CacheMountView[] = [];
    for (const view of views) if (await mounts.remove(view.folder)) removed.push(view);
    return removed;
  }

  async export(names: readonly string[] | 'all'): Promise<Readable> {
    const mounts = await this.#builder.cacheMounts();
    const views = names === 'all' ? await mounts.list() : await mounts.resolve(names);
    return exportMounts(
      mounts,
      views.map(({ folder }) => folder),
    );
  }

  async import(tar: Readable, options: { readonly signal?: AbortSignal } = {}): Promise<ImportedMount[]> {
    return importMounts(await this.#builder.cacheMounts(), tar, options);
  }
}
