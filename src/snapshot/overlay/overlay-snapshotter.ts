import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { KeyedLock, SILENT_LOG, readVersionFile, type Log } from '../../base/index.ts';
import { LadingError, errnoOf, toLadingError } from '../../errors/index.ts';
import type { MetadataStore } from '../../metadata/index.ts';
import { syncFileSystemInBackground } from '../../sys/index.ts';
import type { Mount, SnapshotInfo, Snapshotter, Usage } from '../snapshotter.ts';
import { diskUsage } from './disk-usage.ts';
import { probeOverlay } from './probe-overlay.ts';
import { SnapshotRecords, snapshotInfo, type SnapshotRecord } from './snapshot-records.ts';
import { Trash } from './trash.ts';

const LAYOUT_VERSION = 1;
/** Paths go unquoted into mount options, and one of them has to fit the 255 bytes of an option. */
const UNSAFE_IN_OPTIONS = /[:,\\"\s]/;
const MAX_ROOT_BYTES = 200;

export interface OverlaySnapshotterOptions {
  readonly log?: Log;
  /** Whether a committed snapshot survives a power loss (syncs the file system). Default true. */
  readonly durable?: boolean;
}

/**
 * Snapshots as folders under overlay: `<root>/<id>/fs` holds what a snapshot adds, `<root>/<id>/work` is overlay's own.
 * The record comes before the folder and goes before it, so a folder without record is always trash.
 */
export class OverlaySnapshotter implements Snapshotter {
  readonly #root: string;
  readonly #records: SnapshotRecords;
  readonly #trash: Trash;
  readonly #log: Log;
  readonly #durable: boolean;
  readonly #locks = new KeyedLock();

  private constructor(root: string, metadata: MetadataStore, options: OverlaySnapshotterOptions) {
    this.#root = root;
    this.#log = options.log ?? SILENT_LOG;
    this.#durable = options.durable ?? true;
    this.#records = new SnapshotRecords(metadata);
    this.#trash = new Trash(join(root, 'trash'), this.#log);
  }

  /** @throws unavailable when overlay does not work below `path`, or a newer lading made it */
  static async open(
    path: string,
    metadata: MetadataStore,
    options: OverlaySnapshotterOptions = {},
  ): Promise<OverlaySnapshotter> {
    const root = resolve(path);
    if (UNSAFE_IN_OPTIONS.test(root) || Buffer.byteLength(root) > MAX_ROOT_BYTES)
      throw new LadingError('invalid_argument', `open snapshots "${root}": mount options cannot hold this path`, {
        hint: `choose a data root of at most ${MAX_ROOT_BYTES} bytes without colons, commas, quotes, backslashes and blanks`,
      });
    // Private: layers hold set-user-id programs that no user of the host may reach.
    await mkdir(root, { recursive: true, mode: 0o700 });
    await readVersionFile(root, LAYOUT_VERSION, 'snapshots');
    await probeOverlay(root);
    const snapshotter = new OverlaySnapshotter(root, metadata, options);
    await snapshotter.#trash.open();
    return snapshotter;
  }

  prepare(key: string, parent?: string): Promise<Mount> {
    return this.#create(key, 'active', parent);
  }

  view(key: string, parent?: string): Promise<Mount> {
    return this.#create(key, 'view', parent);
  }

  async mountOf(key: string): Promise<Mount> {
    const record = this.#records.get(key);
    if (record.kind !== 'committed') return this.#mount(record);
    throw new LadingError('not_found', `mount snapshot "${key}": it is committed, neither active nor a view`);
  }

  async upperDirOf(keyOrName: string): Promise<string> {
    return this.#filesOf(this.#records.get(keyOrName));
  }

  async lowerDirsOf(name: string | undefined): Promise<string[]> {
    return this.#chain(name);
  }

  async commit(name: string, key: string, usage?: Usage): Promise<void> {
    await this.#locks.run(key, async () => {
      const folder = this.#folderOf(this.#records.get(key));
      const known = this.#records.find(name);
      const isLost = known?.kind === 'committed' && !existsSync(this.#filesOf(known));
      if (this.#durable && (known?.kind !== 'committed' || isLost)) await syncFileSystem(join(folder, 'fs'));
      const committed = this.#records.commit(name, key, usage, { durable: this.#durable });
      if (!committed && known && isLost) await this.#mend(known, folder);
      if (!committed) return this.#remove(key);
      // Overlay's own leftovers; nothing depends on their going.
      await rm(join(folder, 'work'), { recursive: true, force: true }).catch(() => undefined);
    });
  }

  async graft(name: string, source: string, parent: string): Promise<void> {
    this.#records.graft(name, source, parent);
  }

  async remove(keyOrName: string): Promise<void> {
    await this.#locks.run(keyOrName, () => this.#remove(keyOrName));
  }

  async stat(keyOrName: string): Promise<SnapshotInfo | undefined> {
    const record = this.#records.find(keyOrName);
    return record && snapshotInfo({ name: keyOrName, record });
  }

  async usage(keyOrName: string): Promise<Usage> {
    const record = this.#records.get(keyOrName);
    if (record.usage) return record.usage;
    try {
      const usage = await diskUsage(this.#filesOf(record));
      if (record.kind === 'committed') this.#records.rememberUsage(keyOrName, record.id, usage);
      return usage;
    } catch (error) {
      throw toLadingError(error, `measure snapshot "${keyOrName}"`);
    }
  }

  async *walk(): AsyncIterable<SnapshotInfo> {
    for (const named of this.#records.list()) yield snapshotInfo(named);
  }

  async reconcile(): Promise<void> {
    const entries = await readdir(this.#root);
    const folders = new Set(entries.filter((entry) => /^[1-9][0-9]*$/.test(entry)).map(Number));
    for (const { name, record } of this.#records.list()) {
      if (folders.has(record.id)) continue;
      for (const lost of this.#records.forgetLost(name))
        this.#log.warn('forgot a snapshot without files', { name: lost.name, kind: lost.record.kind });
    }
    for (const { record } of this.#records.list()) folders.delete(record.id);
    for (const id of folders) await this.#trash.discard(join(this.#root, String(id)));
    for (const entry of entries) if (entry.startsWith('probe-')) await this.#trash.discard(join(this.#root, entry));
    await this.#trash.resume();
  }

  async close(): Promise<void> {
    await this.#trash.settled();
  }

  async #create(key: string, kind: 'active' | 'view', parent: string | undefined): Promise<Mount> {
    return this.#locks.run(key, async () => {
      const record = this.#records.create(key, kind, parent);
      try {
        await this.#makeFolders(record);
        return this.#mount(record);
      } catch (error) {
        await this.#remove(key);
        throw toLadingError(error, `prepare snapshot "${key}"`);
      }
    });
  }

  /** Somebody removed a committed snapshot's files; here they are again. */
  async #mend(lost: SnapshotRecord, folder: string): Promise<void> {
    this.#log.warn('restored the lost files of a snapshot', { folder: this.#folderOf(lost) });
    await mkdir(this.#folderOf(lost), { recursive: true, mode: 0o700 });
    await rename(join(folder, 'fs'), this.#filesOf(lost));
  }

  async #makeFolders(record: SnapshotRecord): Promise<void> {
    const folder = this.#folderOf(record);
    await mkdir(folder, { mode: 0o700 }).catch(async (error: unknown) => {
      // Left by a record that a power loss took.
      if (errnoOf(error) !== 'EEXIST' || !(await this.#trash.discard(folder))) throw error;
      await mkdir(folder, { mode: 0o700 });
    });
    const files = join(folder, 'fs');
    await mkdir(files);
    await mkdir(join(folder, 'work'), { mode: 0o700 });
    await this.#copyRootAttributes(record.parent, files);
  }

  /** The topmost folder is what shows as `/`: it has to look as the layers below left it. */
  async #copyRootAttributes(parent: string | undefined, files: string): Promise<void> {
    if (parent === undefined) return chmod(files, 0o755);
    const { uid, gid, mode } = await stat(this.#filesOf(this.#records.get(parent)));
    await chown(files, uid, gid);
    await chmod(files, mode & 0o7777);
  }

  async #remove(keyOrName: string): Promise<void> {
    const removed = this.#records.remove(keyOrName);
    if (removed && !removed.folderIsShared) await this.#trash.discard(this.#folderOf(removed.record));
  }

  #mount(record: SnapshotRecord): Mount {
    const own = this.#filesOf(record);
    const lowerDirs = this.#chain(record.parent);
    const readonly = record.kind === 'view';
    const [only] = lowerDirs;
    if (only === undefined) return bind(own, readonly);
    if (!readonly)
      return {
        type: 'overlay',
        source: 'overlay',
        readonly,
        lowerDirs,
        upperDir: own,
        workDir: join(this.#folderOf(record), 'work'),
      };
    return lowerDirs.length === 1 ? bind(only, true) : { type: 'overlay', source: 'overlay', readonly, lowerDirs };
  }

  /** Overlay takes no folder twice. Of one that was grafted more than once the topmost says all: it deletes nothing. */
  #chain(name: string | undefined): string[] {
    const folders = new Set<string>();
    for (let next = name; next !== undefined;) {
      const record: SnapshotRecord = this.#records.get(next);
      folders.add(this.#filesOf(record));
      next = record.parent;
    }
    return [...folders];
  }

  #folderOf(record: SnapshotRecord): string {
    return join(this.#root, String(record.id));
  }

  #filesOf(record: SnapshotRecord): string {
    return join(this.#folderOf(record), 'fs');
  }
}

function bind(source: string, readonly: boolean): Mount {
  return { type: 'bind', source, readonly, lowerDirs: [] };
}

async function syncFileSystem(path: string): Promise<void> {
  await using folder = await open(path);
  await syncFileSystemInBackground(folder.fd);
}
