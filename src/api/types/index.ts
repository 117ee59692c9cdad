export { toBuildCacheRecord, type BuildCacheRecord } from './build-cache.ts';
export { toContainerConfig } from './container-config.ts';
export { toContainerInspect, toState, type ContainerInspect } from './container-inspect.ts';
export { ZERO_TIME, isRunning, statusText } from './container-status.ts';
export {
  commandText,
  splitPort,
  toContainerSummary,
  toPorts,
  type ContainerSummary,
  type PortSummary,
} from './container-summary.ts';
export { toEvent } from './event.ts';
export { toExecInspect, type ExecInspect } from './exec.ts';
export { toHostConfig } from './host-config.ts';
export { humanDuration } from './human-duration.ts';
export {
  toImageHistory,
  toImageInspect,
  toImageSummary,
  type ImageHistoryEntry,
  type ImageInspect,
  type ImageSummary,
} from './image.ts';
export { toInfo, type Info } from './info.ts';
export { toMount } from './mounts.ts';
export { toNetwork, type Network } from './network.ts';
export { toEndpointSettings, toNetworkSettings } from './network-settings.ts';
export { toVersion, type About, type Version } from './version.ts';
export { ANONYMOUS_LABEL, toVolume, type Volume } from './volume.ts';
