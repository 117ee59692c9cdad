import type { MountPoint } from '../../engine/index.ts';

/** One entry of `Mounts` in list and inspect. */
export function toMount(mount: MountPoint) {
  return {
    Type: mount.type,
    ...(mount.type === 'volume' ? { Name: mount.name ?? '' } : {}),
    Source: mount.source,
    Destination: mount.destination,
    ...(mount.type === 'volume' ? { Driver: 'local' } : {}),
    Mode: mount.mode,
    RW: mount.readWrite,
    Propagation: mount.propagation,
  };
}
