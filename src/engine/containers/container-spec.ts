import type { ContainerMount, ContainerSpec, Namespace, Resources } from '../../runtime/index.ts';
import type { HostConfig } from '../types.ts';
import { programOf, type ContainerRecord } from './container-record.ts';

/** What the engine has prepared on the host for one start. */
export interface PreparedHost {
  readonly rootfs: string;
  readonly networkNamespace: Namespace;
  /** Namespaces shared with another container: path by kind. */
  readonly shared: { readonly pid?: Namespace; readonly ipc?: Namespace };
  readonly mounts: readonly ContainerMount[];
  readonly cgroupPath: string;
  readonly initPath?: string;
}

/** Docker's configuration of a container as the runtime's spec. */
export function containerSpecOf(record: ContainerRecord, host: PreparedHost): ContainerSpec {
  const { config, hostConfig } = record;
  const [rows, columns] = hostConfig.ConsoleSize ?? [0, 0];
  return {
    id: record.id,
    process: {
      args: programOf(config),
      env: config.Env ?? [],
      cwd: config.WorkingDir || '/',
      user: config.User ?? '',
      additionalGroups: hostConfig.GroupAdd ?? [],
      tty: config.Tty ?? false,
      ...(rows > 0 && columns > 0 ? { consoleSize: { rows, columns } } : {}),
    },
    rootfs: host.rootfs,
    readonlyRootfs: hostConfig.ReadonlyRootfs ?? false,
    hostname: hostnameOf(record),
    ...(config.Domainname ? { domainname: config.Domainname } : {}),
    mounts: host.mounts,
    namespaces: {
      pid: host.shared.pid ?? (hostConfig.PidMode === 'host' ? 'host' : 'new'),
      network: host.networkNamespace,
      ipc: host.shared.ipc ?? (hostConfig.IpcMode === 'host' ? 'host' : 'new'),
      uts: hostConfig.UTSMode === 'host' ? 'host' : 'new',
      cgroup: hostConfig.CgroupnsMode === 'host' ? 'host' : 'new',
    },
    privileged: hostConfig.Privileged ?? false,
    capAdd: hostConfig.CapAdd ?? [],
    capDrop: hostConfig.CapDrop ?? [],
    securityOpt: hostConfig.SecurityOpt ?? [],
    devices: (hostConfig.Devices ?? []).map((device) => ({
      hostPath: device.PathOnHost,
      containerPath: device.PathInContainer,
      permissions: device.CgroupPermissions || 'rwm',
    })),
    sysctls: hostConfig.Sysctls ?? {},
    ulimits: (hostConfig.Ulimits ?? []).map((limit) => ({ name: limit.Name, soft: limit.Soft, hard: limit.Hard })),
    ...(hostConfig.OomScoreAdj ? { oomScoreAdj: hostConfig.OomScoreAdj } : {}),
    ...(hostConfig.ShmSize ? { shmSizeBytes: hostConfig.ShmSize } : {}),
    resources: resourcesOf(hostConfig),
    cgroupPath: host.cgroupPath,
    annotations: hostConfig.Annotations ?? {},
    ...(host.initPath === undefined ? {} : { initPath: host.initPath }),
  };
}

/** Docker's default: the first twelve digits of the id. */
export function hostnameOf(record: ContainerRecord): string {
  return record.config.Hostname || record.id.slice(0, 12);
}

/** Docker's numbers; 0 and absent both mean "no limit". */
export function resourcesOf(hostConfig: HostConfig): Resources {
  const pairs: [keyof Resources, number | string | undefined][] = [
    ['memoryBytes', hostConfig.Memory],
    ['memoryReservationBytes', hostConfig.MemoryReservation],
    ['memorySwapBytes', hostConfig.MemorySwap],
    ['nanoCpus', hostConfig.NanoCpus],
    ['cpuShares', hostConfig.CpuShares],
    ['cpuQuota', hostConfig.CpuQuota],
    ['cpuPeriod', hostConfig.CpuPeriod],
    ['cpusetCpus', hostConfig.CpusetCpus],
    ['cpusetMems', hostConfig.CpusetMems],
    ['pidsLimit', hostConfig.PidsLimit],
    ['blkioWeight', hostConfig.BlkioWeight],
  ];
  return Object.fromEntries(
    pairs.filter(([, value]) => value !== undefined && value !== 0 && value !== '' && value !== null),
  ) as Resources;
}
