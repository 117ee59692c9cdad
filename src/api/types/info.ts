import type { SystemInfo } from '../../engine/index.ts';
import type { About } from './version.ts';

function indexConfig(name: string, mirrors: readonly string[], secure: boolean) {
  return { Name: name, Mirrors: mirrors, Secure: secure, Official: name === 'docker.io' };
}

function toRegistryConfig(info: SystemInfo) {
  const cidrs = info.insecureRegistries.filter((registry) => registry.includes('/'));
  const hosts = info.insecureRegistries.filter((registry) => !registry.includes('/'));
  return {
    AllowNondistributableArtifactsCIDRs: null,
    AllowNondistributableArtifactsHostnames: null,
    InsecureRegistryCIDRs: cidrs,
    IndexConfigs: {
      'docker.io': indexConfig('docker.io', info.registryMirrors, true),
      ...Object.fromEntries(hosts.map((host) => [host, indexConfig(host, [], false)])),
    },
    Mirrors: info.registryMirrors,
  };
}

/** Parts of `info` that lading answers the same way everywhere. */
const CAPABILITIES = {
  MemoryLimit: true,
  SwapLimit: true,
  CpuCfsPeriod: true,
  CpuCfsQuota: true,
  CPUShares: true,
  CPUSet: true,
  PidsLimit: true,
  IPv4Forwarding: true,
  BridgeNfIptables: false,
  BridgeNfIp6tables: false,
  OomKillDisable: false,
  ExperimentalBuild: false,
  LiveRestoreEnabled: true,
};

const PLUGINS = { Volume: ['local'], Network: ['bridge', 'host', 'null'], Authorization: null, Log: ['json-file'] };

const SWARM = {
  NodeID: '',
  NodeAddr: '',
  LocalNodeState: 'inactive',
  ControlAvailable: false,
  Error: '',
  RemoteManagers: null,
};

/** GET /info */
export function toInfo(info: SystemInfo, about: About, now = new Date()) {
  const commit = { ID: '', Expected: '' };
  return {
    ID: info.id,
    Containers: info.containers.total,
    ContainersRunning: info.containers.running,
    ContainersPaused: info.containers.paused,
    ContainersStopped: info.containers.stopped,
    Images: info.images,
    Driver: info.storageDriver,
    DriverStatus: [] as [string, string][],
    Plugins: PLUGINS,
    ...CAPABILITIES,
    Debug: info.debug,
    NFd: 0,
    NGoroutines: 0,
    SystemTime: now.toISOString(),
    LoggingDriver: 'json-file',
    CgroupDriver: info.cgroupDriver,
    CgroupVersion: info.cgroupVersion,
    NEventsListener: 0,
    KernelVersion: info.kernelVersion,
    OperatingSystem: info.operatingSystem,
    OSVersion: '',
    OSType: 'linux',
    Architecture: info.architecture,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: toRegistryConfig(info),
    NCPU: info.cpus,
    MemTotal: info.memoryBytes,
    GenericResources: null,
    DockerRootDir: info.dataRoot,
    HttpProxy: info.httpProxy,
    HttpsProxy: info.httpsProxy,
    NoProxy: info.noProxy,
    Name: info.name,
    Labels: [] as string[],
    ServerVersion: about.version,
    Runtimes: { [info.runtime.name]: { path: info.runtime.path } },
    DefaultRuntime: info.runtime.name,
    Swarm: SWARM,
    Isolation: '',
    InitBinary: '',
    ContainerdCommit: commit,
    RuncCommit: commit,
    InitCommit: commit,
    SecurityOptions: info.securityOptions,
    CDISpecDirs: null,
    Warnings: info.warnings.length === 0 ? null : info.warnings,
  };
}

export type Info = ReturnType<typeof toInfo>;
