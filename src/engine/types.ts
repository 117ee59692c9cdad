import type { Readable } from 'node:stream';
import type {
  BuildEvent,
  BuildRequest,
  BuildResult,
  BuildRun,
  CacheLimits,
  CacheMountView,
  CacheRow,
  Credentials,
  ImportedMount,
  PruneOptions,
  RebuildRequest,
  RebuildVerdict,
  Drained,
  StepTerminal,
  TerminalSize,
} from '../builder/index.ts';
import type { Descriptor, Healthcheck, Platform, RunConfig } from '../oci/index.ts';
import type { BuildHistory } from './builds/index.ts';
import type { Attachment, LogLine, LogQuery } from '../runtime/index.ts';

export type { BuildLog, BuildRecord, LogPiece, RecordedStep } from './builds/index.ts';
export type {
  BuildEvent,
  BuildRequest,
  BuildResult,
  BuildRun,
  BuildSettings,
  CacheMountView,
  CacheRow,
  ContextSource,
  Credentials,
  ImportedMount,
  RebuildRequest,
  RebuildVerdict,
  RunStep,
} from '../builder/index.ts';

/**
 * Containers are configured, stored and inspected in Docker's own vocabulary (Engine API `ContainerConfig`, `HostConfig`):
 * the configuration is persisted exactly as it was asked for. See docs/decisions.md.
 */
export interface ContainerConfig extends RunConfig {
  readonly Image: string;
  readonly Hostname?: string;
  readonly Domainname?: string;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  readonly StdinOnce?: boolean;
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly StopTimeout?: number;
  readonly NetworkDisabled?: boolean;
  readonly Healthcheck?: Healthcheck;
}

export interface PortMapping {
  readonly HostIp?: string;
  readonly HostPort?: string;
}

export interface MountRequest {
  readonly Type: 'bind' | 'volume' | 'tmpfs';
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly BindOptions?: { readonly Propagation?: string; readonly CreateMountpoint?: boolean };
  readonly VolumeOptions?: {
    readonly NoCopy?: boolean;
    readonly Labels?: Readonly<Record<string, string>>;
    readonly Subpath?: string;
  };
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number };
}

export interface HostConfig {
  /** "src:dst[:options]" */
  readonly Binds?: readonly string[];
  readonly Mounts?: readonly MountRequest[];
  readonly Tmpfs?: Readonly<Record<string, string>>;
  /** "default", "bridge", "host", "none", "container:ID" or a network's name. */
  readonly NetworkMode?: string;
  /** "80/tcp" → host sides. */
  readonly PortBindings?: Readonly<Record<string, readonly PortMapping[] | null>>;
  readonly PublishAllPorts?: boolean;
  readonly RestartPolicy?: { readonly Name?: string; readonly MaximumRetryCount?: number };
  readonly AutoRemove?: boolean;
  readonly Privileged?: boolean;
  readonly ReadonlyRootfs?: boolean;
  readonly Init?: boolean;
  readonly CapAdd?: readonly string[];
  readonly CapDrop?: readonly string[];
  readonly SecurityOpt?: readonly string[];
  readonly Dns?: readonly string[];
  readonly DnsSearch?: readonly string[];
  readonly DnsOptions?: readonly string[];
  readonly ExtraHosts?: readonly string[];
  readonly GroupAdd?: readonly string[];
  readonly PidMode?: string;
  readonly IpcMode?: string;
  readonly UTSMode?: string;
  readonly CgroupnsMode?: string;
  readonly CgroupParent?: string;
  readonly Memory?: number;
  readonly MemoryReservation?: number;
  readonly MemorySwap?: number;
  readonly NanoCpus?: number;
  readonly CpuShares?: number;
  readonly CpuQuota?: number;
  readonly CpuPeriod?: number;
  readonly CpusetCpus?: string;
  readonly CpusetMems?: string;
  readonly PidsLimit?: number;
  readonly BlkioWeight?: number;
  readonly OomScoreAdj?: number;
  readonly ShmSize?: number;
  readonly Ulimits?: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
  readonly Sysctls?: Readonly<Record<string, string>>;
  readonly Devices?: readonly {
    readonly PathOnHost: string;
    readonly PathInContainer: string;
    readonly CgroupPermissions: string;
  }[];
  readonly LogConfig?: { readonly Type?: string; readonly Config?: Readonly<Record<string, string>> };
  readonly Annotations?: Readonly<Record<string, string>>;
  readonly ConsoleSize?: readonly [number, number];
}

export interface EndpointConfig {
  readonly Aliases?: readonly string[];
  readonly IPAMConfig?: { readonly IPv4Address?: string };
}

export interface CreateContainer {
  readonly name?: string;
  readonly platform?: Platform;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly endpoints?: Readonly<Record<string, EndpointConfig>>;
}

export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

export interface ContainerState {
  readonly status: ContainerStatus;
  readonly pid: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly error: string;
  /** RFC 3339; "0001-01-01T00:00:00Z" when it never happened, as Docker says. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly health?: { readonly status: string; readonly failingStreak: number };
}

export interface EndpointInfo {
  readonly networkId: string;
  readonly networkName: string;
  readonly endpointId: string;
  readonly ipAddress: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly macAddress: string;
  readonly aliases: readonly string[];
}

export interface MountPoint {
  readonly type: 'bind' | 'volume' | 'tmpfs';
  readonly name?: string;
  readonly source: string;
  readonly destination: string;
  readonly readWrite: boolean;
  readonly mode: string;
  readonly propagation: string;
}

/** One container as it is now; everything `inspect` and `ps` need. */
export interface ContainerView {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  readonly createdAt: string;
  /** Image ID ("sha256:…"). */
  readonly imageId: string;
  /** The image as the user named it. */
  readonly image: string;
  /** Effective program and arguments. */
  readonly path: string;
  readonly args: readonly string[];
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly state: ContainerState;
  readonly restartCount: number;
  readonly endpoints: readonly EndpointInfo[];
  /** Real bindings of a running container: "80/tcp" → host sides. */
  readonly ports: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>>;
  readonly mounts: readonly MountPoint[];
  readonly logPath: string;
  readonly hostnamePath: string;
  readonly hostsPath: string;
  readonly resolvConfPath: string;
  readonly driver: 'overlay2';
  readonly platform: string;
  readonly execIds: readonly string[];
}

export interface ExecConfig {
  readonly Cmd: readonly string[];
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly Tty?: boolean;
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Privileged?: boolean;
  readonly DetachKeys?: string;
  readonly ConsoleSize?: readonly [number, number];
}

export interface ExecView {
  readonly id: string;
  readonly containerId: string;
  readonly config: ExecConfig;
  readonly running: boolean;
  readonly exitCode: number | null;
  readonly pid: number;
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface RemoveOptions {
  readonly force?: boolean;
  /** Also its anonymous volumes. */
  readonly volumes?: boolean;
}

export interface ContainerEngine {
  create(request: CreateContainer): Promise<{ id: string; warnings: string[] }>;
  /** All, newest first. Filtering is the caller's, except what needs the engine. */
  list(): Promise<ContainerView[]>;
  /** By id, id prefix or name. @throws not_found "No such container: x" */
  get(ref: string): Promise<ContainerView>;
  /** @throws not_modified when it runs already */
  start(ref: string): Promise<void>;
  /** @throws not_modified when it does not run. `timeoutSeconds` -1 = forever. */
  stop(ref: string, options: { timeoutSeconds?: number; signal?: string }): Promise<void>;
  restart(ref: string, options: { timeoutSeconds?: number; signal?: string }): Promise<void>;
  kill(ref: string, signal: string): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  rename(ref: string, name: string): Promise<void>;
  update(ref: string, hostConfig: HostConfig): Promise<void>;
  /** @throws conflict when it runs and not `force` */
  remove(ref: string, options: RemoveOptions): Promise<void>;
  /** Registers at once: an exit that happens after the call returns its promise is not missed. */
  wait(ref: string, condition: WaitCondition, signal?: AbortSignal): Promise<{ exitCode: number; error?: string }>;
  /**
   * Streams of a container. On one that is not started yet, the attachment is made by the following `start` and nothing is lost.
   * `detach()` on the result lets go.
   */
  attach(
    ref: string,
    options: { stdin: boolean; stdout: boolean; stderr: boolean; logs: boolean; stream: boolean },
  ): Promise<Attachment>;
  logs(ref: string, query: LogQuery): Promise<{ tty: boolean; lines: AsyncIterable<LogLine> }>;
  resize(ref: string, rows: number, columns: number): Promise<void>;
  top(ref: string, psArgs: string): Promise<{ titles: string[]; processes: string[][] }>;
  /** kind 0 = modified, 1 = added, 2 = deleted. */
  diff(ref: string): Promise<{ Path: string; Kind: 0 | 1 | 2 }[]>;
  /** The whole file system as a tar. */
  export(ref: string): Promise<Readable>;
  /** `docker cp` out: a tar of the path, and its stat. */
  archive(ref: string, path: string): Promise<{ stat: PathStat; tar: Readable }>;
  statPath(ref: string, path: string): Promise<PathStat>;
  /** `docker cp` in: unpack a tar (any compression) into a folder. */
  unarchive(
    ref: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
  ): Promise<void>;
  /** New image from a container; returns its ID. `changes` are Dockerfile instructions. */
  commit(
    ref: string,
    options: {
      repo?: string;
      tag?: string;
      comment?: string;
      author?: string;
      changes: readonly string[];
      pause: boolean;
      config?: RunConfig;
    },
  ): Promise<string>;
  /** Space taken by the writable layer and by everything. */
  size(ref: string): Promise<{ rw: number; rootfs: number }>;
  prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimed: number }>;
  execCreate(ref: string, config: ExecConfig): Promise<string>;
  /** undefined when detached. */
  execStart(
    execId: string,
    options: { detach: boolean; consoleSize?: readonly [number, number] },
  ): Promise<Attachment | undefined>;
  execInspect(execId: string): Promise<ExecView>;
  execResize(execId: string, rows: number, columns: number): Promise<void>;
}

/** Go's os.FileMode bits in `mode`, as Docker sends in X-Docker-Container-Path-Stat. */
export interface PathStat {
  readonly name: string;
  readonly size: number;
  readonly mode: number;
  readonly mtime: string;
  readonly linkTarget: string;
}

/** Docker's filters: key → values. */
export type Filters = Readonly<Record<string, readonly string[]>>;

/** Docker's JSON progress line (`jsonmessage`). */
export interface ProgressMessage {
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly stream?: string;
  readonly aux?: unknown;
  readonly error?: string;
  readonly errorDetail?: { readonly message: string; readonly code?: number };
}
export type OnProgress = (message: ProgressMessage) => void;

export interface ImageView {
  readonly id: string;
  /** Familiar: "alpine:3.20". */
  readonly repoTags: readonly string[];
  /** "alpine@sha256:…" */
  readonly repoDigests: readonly string[];
  readonly createdAt: string;
  /** Unpacked size, bytes, all layers. */
  readonly sizeBytes: number;
  readonly author: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly os: string;
  readonly config: RunConfig;
  readonly diffIds: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Containers that use it. */
  readonly containers: number;
  readonly dangling: boolean;
  readonly lastTaggedAt: string;
}

export interface ImageHistory {
  readonly id: string;
  readonly created: number;
  readonly createdBy: string;
  readonly tags: readonly string[];
  readonly size: number;
  readonly comment: string;
}

/** An in-toto statement about an image, and the artifact it is stored in. */
export interface Attestation {
  readonly descriptor: Descriptor;
  readonly predicateType: string;
  readonly statement: object;
}

export interface ImageEngine {
  list(): Promise<ImageView[]>;
  /** By reference, id, id prefix or digest. @throws not_found "No such image: x" */
  get(ref: string): Promise<ImageView>;
  history(ref: string): Promise<ImageHistory[]>;
  /** What is attached to an image's manifest. */
  attestations(ref: string): Promise<Attestation[]>;
  pull(
    ref: string,
    options: { platform?: Platform; credentials?: Credentials; onProgress: OnProgress; signal?: AbortSignal },
  ): Promise<string>;
  push(
    ref: string,
    options: { credentials?: Credentials; onProgress: OnProgress; signal?: AbortSignal },
  ): Promise<void>;
  tag(ref: string, target: string): Promise<void>;
  /** Docker's rules of untagging and deleting. */
  remove(
    ref: string,
    options: { force: boolean; noPrune: boolean },
  ): Promise<({ Untagged: string } | { Deleted: string })[]>;
  prune(filters: Filters): Promise<{ deleted: ({ Untagged: string } | { Deleted: string })[]; spaceReclaimed: number }>;
  /** docker-archive which is at once an OCI layout (as Docker 25+ writes). */
  save(refs: readonly string[]): Promise<Readable>;
  /** docker-archive or OCI layout tar, any compression. */
  load(tar: Readable, options: { onProgress: OnProgress; signal?: AbortSignal }): Promise<void>;
  /** A root file system tar as an image of one layer. */
  import(
    tar: Readable,
    options: {
      reference?: string;
      message?: string;
      changes: readonly string[];
      platform?: Platform;
      onProgress: OnProgress;
      signal?: AbortSignal;
    },
  ): Promise<string>;
  /** Manifest bytes as stored or fetched, for `manifest inspect` and `/distribution`. */
  distribution(
    ref: string,
    credentials?: Credentials,
  ): Promise<{ descriptor: { mediaType: string; digest: string; size: number }; platforms: Platform[]; raw: string }>;
  checkAuth(credentials: Credentials & { serveraddress?: string }): Promise<{ status: string; identityToken: string }>;
}

export interface NetworkView {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly driver: string;
  readonly internal: boolean;
  readonly subnet: string;
  readonly gateway: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly containers: readonly {
    readonly id: string;
    readonly name: string;
    readonly endpointId: string;
    readonly macAddress: string;
    readonly ipv4: string;
  }[];
}

export interface NetworkEngine {
  create(request: {
    name: string;
    driver?: string;
    subnet?: string;
    gateway?: string;
    internal?: boolean;
    labels?: Record<string, string>;
    options?: Record<string, string>;
  }): Promise<string>;
  list(): Promise<NetworkView[]>;
  get(ref: string): Promise<NetworkView>;
  remove(ref: string): Promise<void>;
  connect(ref: string, container: string, endpoint: EndpointConfig): Promise<void>;
  disconnect(ref: string, container: string, force: boolean): Promise<void>;
  prune(filters: Filters): Promise<string[]>;
}

export interface VolumeView {
  readonly name: string;
  readonly mountpoint: string;
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly anonymous: boolean;
}

export interface VolumeEngine {
  create(request: {
    name?: string;
    labels?: Record<string, string>;
    options?: Record<string, string>;
  }): Promise<VolumeView>;
  list(): Promise<VolumeView[]>;
  get(name: string): Promise<VolumeView>;
  remove(name: string, force: boolean): Promise<void>;
  prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimed: number }>;
}

/** Limits the daemon keeps the build cache within; 0 is no limit, absent the default. */
export interface BuildCachePolicy extends CacheLimits {
  readonly enabled?: boolean;
  /** Unused for longer goes. */
  readonly maxAgeMs?: number;
}

/** Folders of `RUN --mount=type=cache`. They are named by beginnings of their folder's name, or by their id. */
export interface CacheMountEngine {
  list(): Promise<CacheMountView[]>;
  /** 'all': those no step uses. @throws not_found, conflict when a named one is in use: then none is removed */
  remove(names: readonly string[] | 'all'): Promise<CacheMountView[]>;
  /** A tar; the receiver destroys it. @throws not_found */
  export(names: readonly string[] | 'all'): Promise<Readable>;
  /** @throws invalid_argument for what is no such tar; nothing is changed then */
  import(tar: Readable, options?: { readonly signal?: AbortSignal }): Promise<ImportedMount[]>;
}

export interface BuildEngine {
  readonly cacheMounts: CacheMountEngine;
  /** A failing step throws LadingError whose message names it and its exit code. The `result` event is the caller's to make. */
  build(
    request: BuildRequest,
    options: { onEvent: (event: BuildEvent) => void; signal?: AbortSignal; drained?: Drained },
  ): Promise<BuildResult>;
  /** The stream of an output that a build's 'export' event announced; given once. Who reads it destroys it to cancel. @throws not_found */
  openExport(id: string): Promise<Readable>;
  /** Does an image's build again from its provenance and compares; see Rebuilder. */
  verify(
    ref: string,
    request: RebuildRequest,
    options: { onEvent: (event: BuildEvent) => void; signal?: AbortSignal },
  ): Promise<RebuildVerdict>;
  /** Forgets build cache, those unused the longest first. `items` is the bill: each with the bytes its removal frees. */
  prune(options: PruneOptions): Promise<{ items: readonly CacheRow[]; deleted: string[]; spaceReclaimed: number }>;
  /**
   * A shell in the failed step that a `debug` event named; once. `leave` releases the step, as the shell's own end does.
   * @throws not_found, conflict
   */
  openFailedStep(
    id: string,
    size: TerminalSize,
  ): Promise<{ terminal: StepTerminal; banner: string; leave: () => void }>;
  resizeFailedStep(id: string, size: TerminalSize): Promise<void>;
  /**
   * The last build of a name, a tag or an image ID; without one, of all: its steps and why they were not cached.
   * @throws not_found
   */
  why(build: string | undefined): BuildRun;
  /** What earlier builds did. */
  readonly history: Pick<BuildHistory, 'list' | 'get' | 'previousOf' | 'log' | 'remove'>;
}

/** Docker's event shape. */
export interface EngineEvent {
  readonly Type: 'container' | 'image' | 'network' | 'volume' | 'builder' | 'daemon';
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly scope: 'local';
  readonly time: number;
  readonly timeNano: number;
}

export interface SystemInfo {
  readonly id: string;
  readonly name: string;
  readonly dataRoot: string;
  readonly kernelVersion: string;
  readonly operatingSystem: string;
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly cgroupVersion: '1' | '2';
  readonly cgroupDriver: 'cgroupfs';
  readonly runtime: { readonly name: string; readonly version: string; readonly path: string };
  readonly storageDriver: string;
  readonly containers: {
    readonly total: number;
    readonly running: number;
    readonly paused: number;
    readonly stopped: number;
  };
  readonly images: number;
  readonly securityOptions: readonly string[];
  readonly warnings: readonly string[];
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  readonly debug: boolean;
  readonly httpProxy: string;
  readonly httpsProxy: string;
  readonly noProxy: string;
  readonly startedAt: string;
}

export interface SystemEngine {
  info(): Promise<SystemInfo>;
  /** History and live feed without a gap. Ends when the signal aborts or `until` has passed. */
  events(options: {
    sinceMs?: number;
    untilMs?: number;
    filters: Filters;
    signal: AbortSignal;
  }): AsyncIterable<EngineEvent>;
  diskUsage(): Promise<{
    layersSize: number;
    images: { id: string; size: number; sharedSize: number }[];
    containers: { id: string; sizeRw: number; sizeRootFs: number }[];
    volumes: { name: string; size: number; refCount: number }[];
    /** `totalBytes`: what would be free without it. */
    buildCache: { rows: readonly CacheRow[]; totalBytes: number };
  }>;
}

/** All use cases; the API server and in-process users call nothing else. */
export interface Engine extends AsyncDisposable {
  readonly system: SystemEngine;
  readonly containers: ContainerEngine;
  readonly images: ImageEngine;
  readonly networks: NetworkEngine;
  readonly volumes: VolumeEngine;
  readonly builder: BuildEngine;
  /** Stops serving; containers go on running. */
  close(): Promise<void>;
}
