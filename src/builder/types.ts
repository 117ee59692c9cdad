import type { Log } from '../base/index.ts';
import type { ContentStore } from '../content/index.ts';
import type { RegistryClient } from '../distribution/index.ts';
import type { Image, ImageStore, LayerBlobs, Unpacker } from '../image/index.ts';
import type { MetadataStore } from '../metadata/index.ts';
import type { Digest, Platform } from '../oci/index.ts';
import type { ContainerMount, ProcessSpec, RootfsMounter } from '../runtime/index.ts';
import type { Mount, Snapshotter } from '../snapshot/index.ts';
import type { Credentials, StepLimits, Ulimit } from './request.ts';

export type * from './request.ts';
export type * from './events.ts';

export type NetworkMode = 'default' | 'none' | 'host';

/** Runs one RUN step to its end in a throw-away container. */
export interface StepExecutor {
  /** @returns the exit code; aborting kills the process */
  run(
    step: {
      /** Snapshot to mount as the root file system. */
      readonly mount: Mount;
      readonly process: ProcessSpec;
      readonly mounts: ContainerMount[];
      readonly networkMode: NetworkMode;
      readonly hostname: string;
      /** "host:address" */
      readonly extraHosts: string[];
      readonly limits?: StepLimits;
      readonly ulimits?: readonly Ulimit[];
      readonly shmSizeBytes?: number;
      readonly cgroupParent?: string;
      /** All capabilities and devices, no seccomp: `--security=insecure`. */
      readonly privileged?: boolean;
    },
    io: {
      readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => void;
      readonly signal?: AbortSignal;
    },
  ): Promise<number>;
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
  /** The builder's own folder: mount points, unpacked contexts, cache mounts. */
  readonly scratchDir: string;
  /** A base image, stored and unpacked; pulled when need be. */
  resolveBase(reference: string, request: BaseRequest): Promise<Image>;
  lease(): BuildLease;
  readonly log: Log;
}
