import { statfs } from 'node:fs/promises';
import { KeyedLock } from '../../base/index.ts';
import type { CacheMounts } from '../run/cache-mounts.ts';
import type { BuildCache } from './build-cache.ts';
import { CacheAccount, type AccountDependencies, type Holders } from './cache-account.ts';
import { rowsOf, type CacheRow } from './cache-rows.ts';
import { pruneCache, type PruneBill, type PruneOptions } from './prune-cache.ts';

export interface KeeperDependencies extends AccountDependencies {
  readonly cache: BuildCache;
  readonly mounts: CacheMounts;
  readonly holders: () => Promise<Holders>;
  /** On the file system that holds the cache. */
  readonly folder: string;
}

/** What the build cache holds and costs, and what of it goes. */
export class CacheKeeper {
  readonly #d: KeeperDependencies;
  readonly #lock = new KeyedLock();

  constructor(dependencies: KeeperDependencies) {
    this.#d = dependencies;
  }

  /** Every record and cache mount; `totalBytes` is what all of them together would free. */
  async usage(): Promise<{ rows: CacheRow[]; totalBytes: number }> {
    const account = await this.#account();
    const mounts = await this.#d.mounts.list();
    const mountBytes = mounts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return { rows: rowsOf(this.#d.cache.records(), account, mounts), totalBytes: account.totalBytes + mountBytes };
  }

  /** One at a time: two at once would both count what only one of them frees. @throws invalid_argument */
  prune(options: PruneOptions): Promise<PruneBill> {
    return this.#lock.run('prune', () => this.#prune(options));
  }

  async #prune(options: PruneOptions): Promise<PruneBill> {
    const { cache, mounts, folder } = this.#d;
    const { bavail, bsize } = await statfs(folder);
    return pruneCache({ cache, mounts, account: await this.#account(), freeBytes: bavail * bsize }, options);
  }

  async #account(): Promise<CacheAccount> {
    return CacheAccount.take(this.#d.cache.records(), await this.#d.holders(), this.#d);
  }
}
