import type {
  ContainerConfig,
  CreateContainerBody,
  EndpointSettings,
  Healthcheck,
  HostConfig,
} from '../../client/index.ts';
import type { FlagValues } from '../flags.ts';
import { UsageError } from '../usage-error.ts';
import { readEnvironment, readLabelFiles } from './env.ts';
import { readSecurityOptions } from './security.ts';
import { parseMount, parseTmpfs, parseVolumes } from './mounts.ts';
import { parsePorts } from './ports.ts';
import { csvOptions, keyValues, parseBytes, parseCpus, parseDuration } from './values.ts';

export interface CreateInput {
  readonly flags: FlagValues;
  readonly image: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The request `POST /containers/create` for the flags of `run` and `create`. @throws {UsageError} */
export function createBody(input: CreateInput): CreateContainerBody {
  const { flags } = input;
  const ports = parsePorts(flags.list('publish'), flags.list('expose'));
  const volumes = parseVolumes(flags.list('volume'));
  const network = networking(flags);
  return {
    ...containerConfig(input),
    ...some('ExposedPorts', ports.exposed),
    ...some('Volumes', volumes.anonymous),
    HostConfig: {
      ...hostConfig(flags),
      ...resources(flags),
      ...some('Binds', volumes.binds),
      ...some('PortBindings', ports.bindings),
      NetworkMode: network.mode,
    },
    ...(network.endpoints === undefined ? {} : { NetworkingConfig: { EndpointsConfig: network.endpoints } }),
  };
}

function containerConfig({ flags, image, command, env }: CreateInput): ContainerConfig {
  const attach = attached(flags);
  const entrypoint = flags.text('entrypoint');
  return {
    Image: image,
    ...(command.length === 0 ? {} : { Cmd: [...command] }),
    // An empty --entrypoint resets the image's.
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint === '' ? [''] : [entrypoint] }),
    AttachStdin: attach.stdin,
    AttachStdout: attach.stdout,
    AttachStderr: attach.stderr,
    Tty: flags.bool('tty'),
    OpenStdin: flags.bool('interactive'),
    StdinOnce: attach.stdin && flags.bool('interactive'),
    ...some('Env', readEnvironment(flags.list('env-file'), flags.list('env'), env)),
    ...some('Labels', keyValues([...readLabelFiles(flags.list('label-file')), ...flags.list('label')])),
    ...given('Hostname', flags.text('hostname')),
    ...given('Domainname', flags.text('domainname')),
    ...given('User', flags.text('user')),
    ...given('WorkingDir', flags.text('workdir')),
    ...given('StopSignal', flags.text('stop-signal')),
    ...given('StopTimeout', flags.int('stop-timeout')),
    ...given('Healthcheck', healthcheck(flags)),
  };
}

/** Which streams the container is attached to: `-a`, else all output unless detached, stdin with `-i`. */
export function attached(flags: FlagValues): { stdin: boolean; stdout: boolean; stderr: boolean } {
  const names = flags.list('attach').map((name) => name.toLowerCase());
  for (const name of names)
    if (name !== 'stdin' && name !== 'stdout' && name !== 'stderr')
      throw new UsageError(
        `invalid argument "${name}" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`,
      );
  if (flags.bool('detach')) return { stdin: false, stdout: false, stderr: false };
  if (names.length === 0) return { stdin: flags.bool('interactive'), stdout: true, stderr: true };
  return { stdin: names.includes('stdin'), stdout: names.includes('stdout'), stderr: names.includes('stderr') };
}

function hostConfig(flags: FlagValues): HostConfig {
  const logDriver = flags.text('log-driver');
  return {
    AutoRemove: flags.bool('rm'),
    RestartPolicy: restartPolicy(flags),
    ...(flags.bool('publish-all') ? { PublishAllPorts: true } : {}),
    ...(flags.bool('privileged') ? { Privileged: true } : {}),
    ...(flags.bool('read-only') ? { ReadonlyRootfs: true } : {}),
    ...(flags.has('init') ? { Init: flags.bool('init') } : {}),
    ...some('CapAdd', flags.list('cap-add').map(capability)),
    ...some('CapDrop', flags.list('cap-drop').map(capability)),
    ...some('SecurityOpt', readSecurityOptions(flags.list('security-opt'))),
    ...some('Dns', flags.list('dns')),
    ...some('DnsOptions', flags.list('dns-option')),
    ...some('DnsSearch', flags.list('dns-search')),
    ...some('ExtraHosts', flags.list('add-host').map(extraHost)),
    ...some('GroupAdd', flags.list('group-add')),
    ...some('VolumesFrom', flags.list('volumes-from')),
    ...some('Mounts', flags.list('mount').map(parseMount)),
    ...some('Tmpfs', parseTmpfs(flags.list('tmpfs'))),
    ...some('Sysctls', keyValues(flags.list('sysctl'))),
    ...some('Annotations', keyValues(flags.list('annotation'))),
    ...given('PidMode', flags.text('pid')),
    ...given('IpcMode', flags.text('ipc')),
    ...given('UTSMode', flags.text('uts')),
    ...given('UsernsMode', flags.text('userns')),
    ...given('CgroupnsMode', flags.text('cgroupns')),
    ...(logDriver === undefined && flags.list('log-opt').length === 0
      ? {}
      : { LogConfig: { Type: logDriver ?? '', Config: keyValues(flags.list('log-opt')) } }),
    ...size('ShmSize', flags, 'shm-size'),
    ...some('Devices', flags.list('device').map(device)),
    ...some('Ulimits', flags.list('ulimit').map(ulimit)),
  };
}

/** Limits; also what `update` sends. */
export function resources(flags: FlagValues): HostConfig {
  const cpus = flags.text('cpus');
  return {
    ...size('Memory', flags, 'memory'),
    ...size('MemoryReservation', flags, 'memory-reservation'),
    ...(flags.text('memory-swap') === '-1' ? { MemorySwap: -1 } : size('MemorySwap', flags, 'memory-swap')),
    ...(cpus === undefined ? {} : { NanoCpus: parseCpus(cpus) }),
    ...given('CpuShares', flags.int('cpu-shares')),
    ...given('CpuPeriod', flags.int('cpu-period')),
    ...given('CpuQuota', flags.int('cpu-quota')),
    ...given('CpusetCpus', flags.text('cpuset-cpus')),
    ...given('CpusetMems', flags.text('cpuset-mems')),
    ...given('PidsLimit', flags.int('pids-limit')),
    ...given('BlkioWeight', flags.int('blkio-weight')),
    ...given('OomScoreAdj', flags.int('oom-score-adj')),
    ...given('CgroupParent', flags.text('cgroup-parent')),
  };
}

/** @throws {UsageError} */
export function restartPolicy(flags: FlagValues): { Name: string; MaximumRetryCount: number } {
  const [name = 'no', count, ...more] = (flags.text('restart') ?? 'no').split(':');
  if (more.length > 0 || (count !== undefined && !/^\d+$/.test(count)))
    throw new UsageError('invalid restart policy format: maximum retry count must be an integer');
  if (flags.bool('rm') && name !== 'no' && name !== '')
    throw new UsageError('conflicting options: cannot specify both --restart and --rm');
  return { Name: name, MaximumRetryCount: Number(count ?? 0) };
}

function networking(flags: FlagValues): { mode: string; endpoints?: Record<string, EndpointSettings> } {
  const names = [...flags.list('network'), ...flags.list('net')];
  const aliases = [...flags.list('network-alias'), ...flags.list('net-alias')];
  const ip = flags.text('ip');
  const [first = networkOption('default'), ...others] = names.map(networkOption);
  const mode = first.name;
  const own = first.endpoint;
  const endpoint: EndpointSettings = {
    ...own,
    ...(aliases.length === 0 ? {} : { Aliases: [...(own.Aliases ?? []), ...aliases] }),
    ...(ip === undefined ? {} : { IPAMConfig: { IPv4Address: ip } }),
  };
  if (others.length === 0 && Object.keys(endpoint).length === 0) return { mode };
  return {
    mode,
    endpoints: { [mode]: endpoint, ...Object.fromEntries(others.map((one) => [one.name, one.endpoint])) },
  };
}

/** "name" or "name=net,alias=a,ip=1.2.3.4". */
function networkOption(word: string): { name: string; endpoint: EndpointSettings } {
  if (!word.includes('=')) return { name: word, endpoint: {} };
  const options = csvOptions(word);
  const values = (key: string): string[] => options.filter(([name]) => name === key).map(([, value]) => value ?? '');
  const [name] = values('name');
  if (name === undefined) throw new UsageError(`network name/id is not specified: ${word}`);
  const [ip] = values('ip');
  return {
    name,
    endpoint: {
      ...some('Aliases', values('alias')),
      ...(ip === undefined ? {} : { IPAMConfig: { IPv4Address: ip } }),
    },
  };
}

function healthcheck(flags: FlagValues): Healthcheck | undefined {
  if (flags.bool('no-healthcheck')) return { Test: ['NONE'] };
  const command = flags.text('health-cmd');
  const time = (name: string): number | undefined => {
    const value = flags.text(name);
    return value === undefined ? undefined : parseDuration(value, name);
  };
  const check: Healthcheck = {
    ...(command === undefined ? {} : { Test: ['CMD-SHELL', command] }),
    ...given('Interval', time('health-interval')),
    ...given('Timeout', time('health-timeout')),
    ...given('StartPeriod', time('health-start-period')),
    ...given('StartInterval', time('health-start-interval')),
    ...given('Retries', flags.int('health-retries')),
  };
  return Object.keys(check).length === 0 ? undefined : check;
}

/** "net_admin" → "CAP_NET_ADMIN" */
function capability(word: string): string {
  const name = word.trim().toUpperCase();
  return name === 'ALL' || name.startsWith('CAP_') ? name : `CAP_${name}`;
}

function extraHost(word: string): string {
  const at = word.search(/[:=]/);
  if (at <= 0)
    throw new UsageError(`invalid argument "${word}" for "--add-host" flag: bad format for add-host: "${word}"`);
  return `${word.slice(0, at)}:${word.slice(at + 1).replace(/^\[(.*)\]$/, '$1')}`;
}

function device(word: string): { PathOnHost: string; PathInContainer: string; CgroupPermissions: string } {
  const [host = '', second, third] = word.split(':');
  const isMode = (text: string | undefined): boolean => text !== undefined && /^[rwm]{1,3}$/.test(text);
  if (!host.startsWith('/')) throw new UsageError(`invalid device specification: ${word}`);
  const permissions = third ?? (isMode(second) ? second : undefined) ?? 'rwm';
  const inside = second === undefined || (third === undefined && isMode(second)) ? host : second;
  return { PathOnHost: host, PathInContainer: inside, CgroupPermissions: permissions };
}

function ulimit(word: string): { Name: string; Soft: number; Hard: number } {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(word);
  if (match === null)
    throw new UsageError(`invalid argument "${word}" for "--ulimit" flag: invalid ulimit argument: ${word}`);
  const soft = Number(match[2]);
  const hard = Number(match[3] ?? match[2]);
  if (hard !== -1 && (soft === -1 || soft > hard))
    throw new UsageError(
      `invalid argument "${word}" for "--ulimit" flag: ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`,
    );
  return { Name: match[1] ?? '', Soft: soft, Hard: hard };
}

function size(key: keyof HostConfig, flags: FlagValues, flag: string): HostConfig {
  const value = flags.text(flag);
  return value === undefined ? {} : { [key]: parseBytes(value, flag) };
}

/** The member when it has a value. */
function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

/** The member when it is not empty. */
function some<K extends string, V extends object>(key: K, value: V): { [P in K]?: V } {
  return (Object.keys(value).length === 0 ? {} : { [key]: value }) as { [P in K]?: V };
}
