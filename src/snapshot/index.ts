export type { Mount, SnapshotInfo, SnapshotKind, Snapshotter, Usage } from './snapshotter.ts';
export { mountSnapshot, overlayMounter, unmountSnapshot } from './mount-snapshot.ts';
export { OverlaySnapshotter, type OverlaySnapshotterOptions } from './overlay/overlay-snapshotter.ts';
export { diskUsage } from './overlay/disk-usage.ts';
