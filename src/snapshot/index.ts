export type { Mount, SnapshotInfo, SnapshotKind, Snapshotter, Usage } from './snapshotter.ts';
