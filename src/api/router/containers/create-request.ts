import type { ContainerConfig, CreateContainer, EndpointConfig, HostConfig } from '../../../engine/index.ts';
import { LadingError } from '../../../errors/index.ts';
import {
  boolean,
  integer,
  isZero,
  list,
  map,
  nullable,
  object,
  pick,
  shape,
  string,
  withoutZeros,
  type Check,
} from '../../http/fields.ts';

const strings = list(string);

const RUN_CONFIG: Readonly<Record<string, Check>> = {
  User: string,
  ExposedPorts: map(object),
  Env: strings,
  Entrypoint: strings,
  Cmd: strings,
  Volumes: map(object),
  WorkingDir: string,
  Labels: map(string),
  StopSignal: string,
  ArgsEscaped: boolean,
  Healthcheck: shape({
    Test: strings,
    Interval: integer,
    Timeout: integer,
    StartPeriod: integer,
    StartInterval: integer,
    Retries: integer,
  }),
  OnBuild: strings,
  Shell: strings,
};

const CONFIG: Readonly<Record<string, Check>> = {
  ...RUN_CONFIG,
  Image: string,
  Hostname: string,
  Domainname: string,
  Tty: boolean,
  OpenStdin: boolean,
  StdinOnce: boolean,
  AttachStdin: boolean,
  AttachStdout: boolean,
  AttachStderr: boolean,
  StopTimeout: integer,
  NetworkDisabled: boolean,
};

/** Resources and restart policy: also what `update` may change. */
const RESOURCES: Readonly<Record<string, Check>> = {
  CgroupParent: string,
  Memory: integer,
  MemoryReservation: integer,
  MemorySwap: integer,
  NanoCpus: integer,
  CpuShares: integer,
  CpuQuota: integer,
  CpuPeriod: integer,
  CpusetCpus: string,
  CpusetMems: string,
  PidsLimit: integer,
  BlkioWeight: integer,
  RestartPolicy: shape({ Name: string, MaximumRetryCount: integer }),
};

const MOUNT = shape({
  Type: string,
  Source: string,
  Target: string,
  ReadOnly: boolean,
  BindOptions: shape({ Propagation: string, CreateMountpoint: boolean }),
  VolumeOptions: shape({ NoCopy: boolean, Labels: map(string), Subpath: string }),
  TmpfsOptions: shape({ SizeBytes: integer, Mode: integer }),
});

const HOST_CONFIG: Readonly<Record<string, Check>> = {
  ...RESOURCES,
  Binds: strings,
  Mounts: list(MOUNT),
  Tmpfs: map(string),
  NetworkMode: string,
  PortBindings: map(nullable(list(shape({ HostIp: string, HostPort: string })))),
  PublishAllPorts: boolean,
  AutoRemove: boolean,
  Privileged: boolean,
  ReadonlyRootfs: boolean,
  Init: boolean,
  CapAdd: strings,
  CapDrop: strings,
  SecurityOpt: strings,
  Dns: strings,
  DnsSearch: strings,
  DnsOptions: strings,
  ExtraHosts: strings,
  GroupAdd: strings,
  PidMode: string,
  IpcMode: string,
  UTSMode: string,
  CgroupnsMode: string,
  OomScoreAdj: integer,
  ShmSize: integer,
  Ulimits: list(shape({ Name: string, Soft: integer, Hard: integer })),
  Sysctls: map(string),
  Devices: list(shape({ PathOnHost: string, PathInContainer: string, CgroupPermissions: string })),
  LogConfig: shape({ Type: string, Config: map(string) }),
  Annotations: map(string),
  ConsoleSize: list(integer),
};

/** Settings whose silent loss would change what the container is or may do: refused. */
const REFUSED = ['VolumesFrom', 'Links', 'DeviceRequests', 'DeviceCgroupRules', 'StorageOpt'] as const;
/** Settings that only tune: dropped with a warning. */
const IGNORED = [
  'BlkioWeightDevice',
  'BlkioDeviceReadBps',
  'BlkioDeviceWriteBps',
  'BlkioDeviceReadIOps',
  'BlkioDeviceWriteIOps',
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
  'KernelMemory',
  'OomKillDisable',
  'Runtime',
] as const;

function refuse(field: string, value: unknown): LadingError {
  return new LadingError(
    'not_implemented',
    `cannot create container: HostConfig.${field} is not supported: ${JSON.stringify(value)?.slice(0, 120)}`,
  );
}

function checkUnsupported(source: Record<string, unknown>): string[] {
  for (const field of REFUSED) if (!isZero(source[field])) throw refuse(field, source[field]);
  for (const [field, accepted] of [
    ['UsernsMode', 'host'],
    ['Isolation', 'default'],
    ['VolumeDriver', 'local'],
  ] as const)
    if (!isZero(source[field]) && source[field] !== accepted) throw refuse(field, source[field]);
  const warnings = IGNORED.filter((field) => !isZero(source[field]) && source[field] !== 'runc');
  // Empty lists ask for systempaths=unconfined; keeping the defaults is the tighter reading.
  for (const field of ['MaskedPaths', 'ReadonlyPaths']) if (Array.isArray(source[field])) warnings.push(field as never);
  return warnings.map((field) => `HostConfig.${field} is not supported and was ignored`);
}

/** "default" is the bridge; a log configuration or console size that says nothing is left out. */
function normalize(hostConfig: Record<string, unknown>): HostConfig {
  const { NetworkMode: mode = 'default', LogConfig, ConsoleSize, ...rest } = hostConfig as HostConfig;
  return {
    ...rest,
    NetworkMode: mode === 'default' ? 'bridge' : mode,
    ...(LogConfig === undefined || !LogConfig.Type ? {} : { LogConfig }),
    ...(ConsoleSize === undefined || ConsoleSize.every((side) => side === 0) ? {} : { ConsoleSize }),
  };
}

const ENDPOINT = {
  Aliases: strings,
  IPAMConfig: shape({ IPv4Address: string }),
};

/** One `EndpointsConfig` member, as `create` and `network connect` send it. */
export function parseEndpoint(value: unknown, field: string): EndpointConfig {
  return withoutZeros(pick(value ?? {}, ENDPOINT, field)) as EndpointConfig;
}

function parseEndpoints(value: unknown): Record<string, EndpointConfig> {
  const networking = pick(value ?? {}, { EndpointsConfig: map(nullable(object)) }, 'NetworkingConfig');
  const endpoints: Record<string, EndpointConfig> = {};
  for (const [name, endpoint] of Object.entries(networking['EndpointsConfig'] ?? {}))
    endpoints[name === 'default' ? 'bridge' : name] = parseEndpoint(endpoint, `EndpointsConfig["${name}"]`);
  return endpoints;
}

/** Empty texts mean "as the image says"; other values, lists included, stay as they were asked for. */
function parseConfig(body: Record<string, unknown>): ContainerConfig {
  const config = pick(body, CONFIG, 'Config');
  const entries = Object.entries(config).filter(([, value]) => value !== '');
  return Object.fromEntries(entries) as unknown as ContainerConfig;
}

/** A container's or image's configuration in a `commit` body. */
export function parseRunConfig(body: Record<string, unknown>): ContainerConfig | undefined {
  const config = withoutZeros(pick(body, RUN_CONFIG, 'Config'));
  return Object.keys(config).length === 0 ? undefined : (config as unknown as ContainerConfig);
}

/** Body of `update`. @throws invalid_argument */
export function parseUpdate(body: Record<string, unknown>): HostConfig {
  const changes = withoutZeros(pick(body, RESOURCES, 'update'));
  const policy = changes['RestartPolicy'] as HostConfig['RestartPolicy'];
  if (policy !== undefined && !policy.Name) delete changes['RestartPolicy'];
  return changes as HostConfig;
}

/** Body of `create` as the engine's request. @throws invalid_argument, not_implemented */
export function parseCreate(body: Record<string, unknown>): { request: CreateContainer; warnings: string[] } {
  const config = parseConfig(body);
  if (config.Image === undefined) throw new LadingError('invalid_argument', 'config cannot be empty: no Image given');
  const source = pick(body, { HostConfig: object }, 'body')['HostConfig'] ?? {};
  const warnings = checkUnsupported(source as Record<string, unknown>);
  const hostConfig = normalize(withoutZeros(pick(source, HOST_CONFIG, 'HostConfig')));
  return { request: { config, hostConfig, endpoints: parseEndpoints(body['NetworkingConfig']) }, warnings };
}
