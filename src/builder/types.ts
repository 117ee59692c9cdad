import type { Log } from '../base/index.ts';
import type { ContentStore } from '../content/index.ts';
import type { RegistryClient } from '../distribution/index.ts';
import type { Image, ImageStore, LayerBlobs, Unpacker } from '../image/index.ts';
import type { MetadataStore } from '../metadata/index.ts';
import type { Digest, Platform } from '../oci/index.ts';
import type { Attachment, ContainerMount, ProcessSpec, RootfsMounter } from '../runtime/index.ts';
import type { Mount, Snapshotter } from '../snapshot/index.ts';
import type { Holders } from './cache/cache-account.ts';
import type { Credentials, StepLimits, Ulimit } from './request.ts';

export type * from './request.ts';
export type * from './events.ts';

export type NetworkMode = 'default' | 'none' | 'host';

/** One RUN step as a container. */
export interface ExecutedStep {
  /** Snapshot to mount as the root file system. */
  readonly mount: Mount;
  readonly process: ProcessSpec;
  readonly mounts: readonly ContainerMount[];
  readonly networkMode: NetworkMode;
  readonly hostname: string;
  /** "host:address" */
  readonly extraHosts: readonly string[];
  readonly limits?: StepLimits;
  readonly ulimits?: readonly Ulimit[];
  readonly shmSizeBytes?: number;
  readonly cgroupParent?: string;
  /** All capabilities and devices, no seccomp: `--security=insecure`. */
  readonly privileged?: boolean;
}

/** Undefined, or a promise to wait for before more is printed. */
export type Drained = () => Promise<void> | undefined;

/** Runs RUN steps in throw-away containers. */
export interface StepExecutor {
  /**
   * Runs one to its end.
   * @returns the exit code; aborting kills the process
   * @throws deadline_exceeded when it ran longer than its limits allow
   */
  run(
    step: ExecutedStep,
    io: {
      /** A returned promise holds back what the step prints. */
      readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void> | undefined;
      readonly signal?: AbortSignal;
      /** The kernel killed something of the step for want of memory. */
      readonly onOutOfMemory?: () => void;
    },
  ): Promise<number>;
  /** Starts one whose process has a terminal. Limits do not hold for it. The caller closes it. */
  openTerminal(step: ExecutedStep, size: TerminalSize): Promise<StepTerminal>;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** A running step with a terminal. */
export interface StepTerminal {
  readonly attachment: Attachment;
  /** Resolves when its process has ended. */
  readonly ended: Promise<void>;
  resize(size: TerminalSize): Promise<void>;
  /** Kills what runs and gives everything back. Idempotent. */
  close(): Promise<void>;
}

/** Keeps what a running build made or needs from the garbage collector until it is disposed. Await before looking whether a thing exists. */
export interface BuildLease extends AsyncDisposable {
  addDigest(digest: Digest): Promise<void> | void;
  addSnapshot(name: string): Promise<void> | void;
}

export interface BaseRequest {
  readonly platform?: Platform;
  /** Ask the registry even when there is a local image. */
  readonly pull: boolean;
  readonly credentials?: Credentials;
  readonly onProgress: (message: {
    readonly status?: string;
    readonly id?: string;
    readonly progressDetail?: { readonly current?: number; readonly total?: number };
  }) => void;
  readonly signal?: AbortSignal;
}

export interface BuilderDependencies {
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
  readonly images: ImageStore;
  readonly layerBlobs: LayerBlobs;
  readonly unpacker: Unpacker;
  readonly metadata: MetadataStore;
  /** For caches, outputs and attestations that live in registries. */
  readonly registries: RegistryClient;
  readonly executor: StepExecutor;
  readonly mounter: RootfsMounter;
  /** PEM certificates that downloads trust beside the machine's. */
  readonly certificates?: readonly string[];
  /** The builder's own folder: mount points, unpacked contexts, cache mounts. */
  readonly scratchDir: string;
  /** A base image, stored and unpacked; pulled when need be. */
  resolveBase(reference: string, request: BaseRequest): Promise<Image>;
  lease(): BuildLease;
  /** What images, containers and running work need of the store. */
  holders(): Promise<Holders>;
  /** One builder of several in this process: what is there is not its own to tidy up. */
  readonly isolated?: boolean;
  /** Repositories at the commits they had, for doing a build again. */
  readonly pins?: readonly { readonly uri: string; readonly digest: Readonly<Record<string, string>> }[];
  readonly log: Log;
}
