/** What has to be mounted to see a snapshot: at most one overlay or one bind. */
export interface Mount {
  readonly type: 'overlay' | 'bind';
  /** bind: the folder. overlay: "overlay". */
  readonly source: string;
  readonly readonly: boolean;
  /** overlay only: topmost first. */
  readonly lowerDirs: readonly string[];
  /** overlay only, absent in a view. */
  readonly upperDir?: string;
  readonly workDir?: string;
}

export type SnapshotKind = 'active' | 'view' | 'committed';

export interface SnapshotInfo {
  /** Key (active, view) or name (committed). */
  readonly name: string;
  readonly kind: SnapshotKind;
  /** Name of the committed parent. */
  readonly parent?: string;
  readonly createdAt: string;
}

export interface Usage {
  /** Bytes allocated on disk by this snapshot alone. */
  readonly sizeBytes: number;
  readonly inodes: number;
}

/**
 * Layered file systems. `key` names an active snapshot or a view, `name` a committed one (a ChainID for image layers);
 * both live in one namespace. `prepare -> (write) -> commit | remove` is a transaction:
 * an active snapshot never becomes a parent, a committed one never changes.
 */
export interface Snapshotter {
  /** Makes a writable snapshot on top of committed `parent`. @throws already_exists, not_found (parent) */
  prepare(key: string, parent?: string): Promise<Mount>;
  /** Makes a read-only one. */
  view(key: string, parent?: string): Promise<Mount>;
  /** How to mount an active snapshot or view again. @throws not_found */
  mountOf(key: string): Promise<Mount>;
  /** Folder that holds only what this snapshot adds (overlay's upper folder): where a layer is applied to or diffed from. */
  upperDirOf(keyOrName: string): Promise<string>;
  /** Folders below `name`, itself included, topmost first. Empty for undefined. */
  lowerDirsOf(name: string | undefined): Promise<string[]>;
  /**
   * Turns active `key` into committed `name`. Must not be mounted. Durable before it returns.
   * When `name` exists already, the active one is removed and `already_exists` is NOT thrown: both hold the same content by contract.
   * @param usage when the caller has measured it already
   */
  commit(name: string, key: string, usage?: Usage): Promise<void>;
  /**
   * Makes committed `name`: the same files as committed `source`, which has no parent, on top of `parent`. Nothing is copied.
   * `source` must hold no deletions. When `name` exists already nothing is done. @throws not_found, conflict (not committed, or `source` has a parent)
   */
  graft(name: string, source: string, parent: string): Promise<void>;
  /** Idempotent. Files go to the trash folder at once and are deleted later. @throws conflict when it is the parent of another */
  remove(keyOrName: string): Promise<void>;
  stat(keyOrName: string): Promise<SnapshotInfo | undefined>;
  usage(keyOrName: string): Promise<Usage>;
  walk(): AsyncIterable<SnapshotInfo>;
  /** At start: removes folders without record and records without folder, empties the trash in the background. */
  reconcile(): Promise<void>;
  /** Waits until background deletion has ended. */
  close(): Promise<void>;
}
