import type { ChainID, Digest } from '../../oci/index.ts';
import type {
  ContainerConfig,
  ContainerStatus,
  EndpointConfig,
  EndpointInfo,
  HostConfig,
  MountPoint,
} from '../types.ts';

/** "It never happened", as Docker writes it. */
export const NEVER = '0001-01-01T00:00:00Z';

/** A container as stored. What it holds of the machine is written here before it is taken, so that any end can be repaired. */
export interface ContainerRecord {
  readonly id: string;
  name: string;
  readonly createdAt: string;
  readonly imageId: Digest;
  readonly image: string;
  /** Snapshot it stands on; undefined for an image without layers. */
  readonly parent: ChainID | undefined;
  readonly config: ContainerConfig;
  hostConfig: HostConfig;
  endpointConfigs: Record<string, EndpointConfig>;
  status: ContainerStatus;
  pid: number;
  exitCode: number;
  oomKilled: boolean;
  error: string;
  startedAt: string;
  finishedAt: string;
  restartCount: number;
  /** Somebody asked it to stop: `unless-stopped` and `always` leave it alone. */
  stoppedByUser: boolean;
  endpoints: EndpointInfo[];
  ports: Record<string, { HostIp: string; HostPort: string }[] | null>;
  mounts: MountPoint[];
  /** Names of volumes made for this container alone. */
  anonymousVolumes: string[];
}

/** Key of the writable layer's snapshot. */
export function snapshotKeyOf(id: string): string {
  return `container-${id}`;
}

/** Program and arguments that will run (Docker's `Path` and `Args`). */
export function programOf(config: ContainerConfig): string[] {
  return [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
}

/** Whether a container has a process now. */
export function hasProcess(record: ContainerRecord): boolean {
  return record.status === 'running' || record.status === 'paused';
}

/** Whether a container has a process, or is about to have one again. */
export function isUp(record: ContainerRecord): boolean {
  return hasProcess(record) || record.status === 'restarting';
}
