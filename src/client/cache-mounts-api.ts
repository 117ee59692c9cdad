import type { Readable } from 'node:stream';
import type { Caller } from './caller.ts';

/** A folder of `RUN --mount=type=cache`. */
export interface CacheMount {
  /** Name of the folder. */
  readonly ID: string;
  /** Its id, or its target; "" when it is not known. */
  readonly Name: string;
  readonly Namespace: string;
  readonly Size: number;
  readonly CreatedAt: string;
  readonly LastUsedAt: string;
  readonly UsageCount: number;
  readonly InUse: boolean;
}

export interface ImportedCacheMount {
  readonly ID: string;
  readonly Name: string;
  readonly Outcome: 'added' | 'replaced' | 'in use';
}

/** Names, or all of them. */
export interface CacheMountQuery {
  readonly id?: readonly string[];
  readonly all?: boolean;
}

/** `/lading/cache/mounts`. */
export class CacheMountsApi {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  list(): Promise<CacheMount[]> {
    return this.#caller.json('GET', '/lading/cache/mounts');
  }

  remove(query: CacheMountQuery): Promise<CacheMount[]> {
    return this.#caller.json('DELETE', '/lading/cache/mounts', { query: { ...query } });
  }

  export(query: CacheMountQuery): Promise<Readable> {
    return this.#caller.call('GET', '/lading/cache/mounts/export', { query: { ...query } });
  }

  import(tar: Readable): Promise<ImportedCacheMount[]> {
    const headers = { 'Content-Type': 'application/x-tar' };
    return this.#caller.json('POST', '/lading/cache/mounts/import', { stream: tar, headers });
  }
}
