import type { ChainID } from '../../oci/index.ts';
import type { Mount, SnapshotInfo, Snapshotter, Usage } from '../../snapshot/index.ts';
import type { ImportedCache } from './imported-cache.ts';

/** Snapshots as a build sees them: those of cache hits are brought when something reads them. */
export class LazySnapshotter implements Snapshotter {
  readonly #real: Snapshotter;
  readonly #imported: ImportedCache;

  constructor(real: Snapshotter, imported: ImportedCache) {
    this.#real = real;
    this.#imported = imported;
  }

  async prepare(key: string, parent?: string): Promise<Mount> {
    await this.#bring(parent);
    return this.#real.prepare(key, parent);
  }

  async view(key: string, parent?: string): Promise<Mount> {
    await this.#bring(parent);
    return this.#real.view(key, parent);
  }

  mountOf(key: string): Promise<Mount> {
    return this.#real.mountOf(key);
  }

  async upperDirOf(keyOrName: string): Promise<string> {
    await this.#bring(keyOrName);
    return this.#real.upperDirOf(keyOrName);
  }

  async lowerDirsOf(name: string | undefined): Promise<string[]> {
    await this.#bring(name);
    return this.#real.lowerDirsOf(name);
  }

  commit(...args: Parameters<Snapshotter['commit']>): Promise<void> {
    return this.#real.commit(...args);
  }

  async graft(name: string, source: string, parent: string): Promise<void> {
    await this.#bring(source);
    await this.#bring(parent);
    return this.#real.graft(name, source, parent);
  }

  remove(keyOrName: string): Promise<void> {
    return this.#real.remove(keyOrName);
  }

  stat(keyOrName: string): Promise<SnapshotInfo | undefined> {
    return this.#real.stat(keyOrName);
  }

  async usage(keyOrName: string): Promise<Usage> {
    await this.#bring(keyOrName);
    return this.#real.usage(keyOrName);
  }

  walk(): AsyncIterable<SnapshotInfo> {
    return this.#real.walk();
  }

  reconcile(): Promise<void> {
    return this.#real.reconcile();
  }

  close(): Promise<void> {
    return this.#real.close();
  }

  /** Keys of active snapshots are no hit's. */
  async #bring(name: string | undefined): Promise<void> {
    await this.#imported.files(name as ChainID | undefined);
  }
}
