import type { Readable, Writable } from 'node:stream';
import type { Mount } from '../snapshot/index.ts';

/** A file system mounted inside a container. `source` is a host path (bind) or a type's name (tmpfs, proc…). */
export interface ContainerMount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  /** mount(8) style: "ro", "rbind", "rprivate", "nosuid", "mode=1777"… */
  readonly options: readonly string[];
}

/** Limits; absent means none. Bytes, CPU shares and so on as in Docker's HostConfig. */
export interface Resources {
  readonly memoryBytes?: number;
  readonly memoryReservationBytes?: number;
  /** memory + swap, -1 unlimited. */
  readonly memorySwapBytes?: number;
  /** Billionths of a CPU. */
  readonly nanoCpus?: number;
  readonly cpuShares?: number;
  readonly cpuQuota?: number;
  readonly cpuPeriod?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pidsLimit?: number;
  readonly blkioWeight?: number;
}

export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** A process to run: the main one or an exec. */
export interface ProcessSpec {
  readonly args: readonly string[];
  /** "NAME=value" */
  readonly env: readonly string[];
  readonly cwd: string;
  /** Docker's text: "", "user", "uid", "user:group", "uid:gid"; names are read from the rootfs' /etc/passwd and /etc/group. */
  readonly user: string;
  readonly additionalGroups: readonly string[];
  readonly tty: boolean;
  readonly consoleSize?: { readonly rows: number; readonly columns: number };
  readonly privileged?: boolean;
}

/** Where a namespace comes from: a new one, the host's, or an existing one by path. */
export type Namespace = 'new' | 'host' | { readonly path: string };

/** Everything needed to write an OCI runtime bundle. */
export interface ContainerSpec {
  readonly id: string;
  readonly process: ProcessSpec;
  /** Mounted root file system (host path). */
  readonly rootfs: string;
  readonly readonlyRootfs: boolean;
  readonly hostname: string;
  /** Whether the process finds its hostname in $HOSTNAME. Default true, as in Docker's containers; BuildKit's steps do not. */
  readonly hostnameInEnv?: boolean;
  readonly domainname?: string;
  readonly mounts: readonly ContainerMount[];
  readonly namespaces: {
    readonly pid: Namespace;
    readonly network: Namespace;
    readonly ipc: Namespace;
    readonly uts: Namespace;
    readonly cgroup: 'new' | 'host';
  };
  readonly privileged: boolean;
  /** Names with or without CAP_, or "ALL". */
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** Docker's --security-opt texts: "no-new-privileges", "seccomp=unconfined|<json>", "apparmor=…". */
  readonly securityOpt: readonly string[];
  readonly devices: readonly {
    readonly hostPath: string;
    readonly containerPath: string;
    readonly permissions: string;
  }[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly ulimits: readonly Ulimit[];
  readonly oomScoreAdj?: number;
  /** Bytes of /dev/shm; default 64 MiB. */
  readonly shmSizeBytes?: number;
  readonly resources: Resources;
  /** cgroup path below the hierarchy's root, for example "/lading/<id>". */
  readonly cgroupPath: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** Empty = Docker's default list; privileged clears. */
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  /** An init binary on the host to run as pid 1 (--init). */
  readonly initPath?: string;
}

/** How a start failed, decided by the driver from the runtime's own words. */
export type StartFailure = 'not_found' | 'not_executable' | 'other';

export interface Exit {
  /** 128+n when killed by signal n. */
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** RFC 3339. */
  readonly finishedAt: string;
}

/** A client's end of a container's standard streams. Ends when the container's does. */
export interface Attachment {
  /** undefined when stdin was not asked for. `end()` half-closes: the container reads end of file. */
  readonly stdin: Writable | undefined;
  /** With a tty everything comes here. */
  readonly stdout: Readable;
  readonly stderr: Readable | undefined;
  /** Lets go without ending the container. Idempotent. */
  detach(): void;
}

export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  /** The bytes as written, newline included unless the line is partial. */
  readonly data: Buffer;
}

export interface LogQuery {
  readonly follow: boolean;
  /** Last n lines; undefined = all. */
  readonly tail?: number;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly signal?: AbortSignal;
}

/** Paths of one container's files; all below `stateDir` (durable) or `runDir` (tmpfs). */
export interface ContainerPaths {
  /** Log, exit file: `/var/lib/lading/containers/<id>`. */
  readonly stateDir: string;
  /** Bundle (it serves one run only), pid files, sockets: `<exec-root>/containers/<id>`. */
  readonly runDir: string;
}

export interface CreateOptions {
  readonly openStdin: boolean;
  /** The container reads end of file when its first writer leaves (default, as `docker run -i`); false keeps stdin open. */
  readonly stdinOnce?: boolean;
  readonly logDriver: 'k8s-file' | 'none';
  /** Size of one generation of the log; one former generation is kept. */
  readonly logMaxBytes?: number;
  readonly signal?: AbortSignal;
}

/** A started exec or container that this or an earlier daemon process started. */
export interface RunningProcess {
  readonly pid: number;
}

/**
 * Containers through an OCI runtime and its monitor (conmon). Nothing here knows images, networks or the API.
 * Containers outlive this process; every method works from the files a former process left.
 */
export interface ContainerRuntime {
  /** "runc 1.1.5", for `version` and `info`. */
  readonly description: { readonly name: string; readonly version: string; readonly path: string };
  /**
   * Writes the bundle and creates the container, stopped before its program: whoever attaches now loses nothing. The exit
   * of an earlier run is forgotten.
   * @throws LadingError whose `cause` is a {@link StartError}
   */
  create(spec: ContainerSpec, paths: ContainerPaths, options: CreateOptions): Promise<RunningProcess>;
  /** Runs the program of a created container. */
  start(id: string, paths: ContainerPaths): Promise<void>;
  /** Connects to a created or running container's streams. Several may be attached at once. */
  attach(
    id: string,
    paths: ContainerPaths,
    options: { readonly stdin: boolean; readonly tty: boolean },
  ): Promise<Attachment>;
  /**
   * Resolves when the container has ended; works across daemon restarts (exit file). A container whose end nobody saw
   * (the monitor was killed, the machine went down) exited with 255. Cancelling stops only the waiting.
   */
  wait(id: string, paths: ContainerPaths, options?: { readonly signal?: AbortSignal }): Promise<Exit>;
  /** The pid of the main process while it lives, else undefined. */
  livePid(id: string, paths: ContainerPaths): Promise<number | undefined>;
  /** The exit, when it has ended. */
  exitOf(paths: ContainerPaths): Promise<Exit | undefined>;
  /** Number or name with or without SIG. @throws conflict when it is not running */
  kill(id: string, signal: string | number, options?: { readonly all?: boolean }): Promise<void>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  resize(paths: ContainerPaths, rows: number, columns: number): Promise<void>;
  update(id: string, resources: Resources): Promise<void>;
  /** Starts another process in a running container, streams attached before it runs. */
  exec(
    id: string,
    paths: ContainerPaths,
    execId: string,
    process: ProcessSpec,
    options: { readonly stdin: boolean; readonly detach: boolean },
  ): Promise<RunningExec>;
  /** Pids inside the container, host numbering. */
  pids(id: string): Promise<number[]>;
  /** Removes the runtime's and the monitor's leftovers, cgroup included; kills what still runs. Idempotent. The log and stateDir stay. */
  delete(id: string, paths: ContainerPaths): Promise<void>;
  /** Reads the log as Docker would show it, partial lines joined. */
  logs(paths: ContainerPaths, query: LogQuery): AsyncIterable<LogLine>;
  /**
   * Runs a process to its end without monitor or log (build steps): output goes to the callbacks.
   * @returns exit code; cancelling kills it
   */
  runToEnd(
    spec: ContainerSpec,
    bundleDir: string,
    io: {
      /** A returned promise holds back what is printed. */
      readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void> | undefined | void;
      readonly stdin?: Readable;
      readonly signal?: AbortSignal;
      /** Called before the end when the kernel killed something inside for want of memory (runc only). */
      readonly onOutOfMemory?: () => void;
    },
  ): Promise<number>;
}

export interface RunningExec {
  readonly pid: number;
  readonly attachment: Attachment | undefined;
  resize(rows: number, columns: number): Promise<void>;
  wait(): Promise<number>;
}

/** Thrown as `cause` when a container or exec could not start. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly failure: StartFailure;
  constructor(failure: StartFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

/** Mounts and unmounts snapshot mounts at a path. */
export interface RootfsMounter {
  mount(mount: Mount, target: string): void;
  /** Idempotent; lazy. */
  unmount(target: string): void;
}
