import type { Readable } from 'node:stream';
import type { Log } from '../base/index.ts';
import type { ContentStore } from '../content/index.ts';
import type { Image, ImageStore, LayerBlobs, Unpacker } from '../image/index.ts';
import type { MetadataStore } from '../metadata/index.ts';
import type { Digest, Platform } from '../oci/index.ts';
import type { ContainerMount, ProcessSpec, RootfsMounter } from '../runtime/index.ts';
import type { Mount, Snapshotter } from '../snapshot/index.ts';

export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** What a build reports; the classic endpoint renders it as text, lading's client as live progress. */
export type BuildEvent =
  | {
      readonly kind: 'step';
      readonly step: number;
      readonly total: number;
      readonly stage: string;
      readonly name: string;
      readonly status: 'started' | 'cached' | 'done' | 'failed';
      readonly durationMs?: number;
    }
  | { readonly kind: 'output'; readonly step: number; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | {
      readonly kind: 'progress';
      readonly step: number;
      readonly id: string;
      readonly status: string;
      readonly current?: number;
      readonly total?: number;
    }
  | { readonly kind: 'warning'; readonly message: string; readonly line?: number }
  | { readonly kind: 'result'; readonly imageId: string; readonly tags: readonly string[] };

export interface BuildRequest {
  /** A folder on this machine read in place, or a tar stream (any compression). */
  readonly context:
    | { readonly kind: 'directory'; readonly path: string }
    | { readonly kind: 'tar'; readonly stream: Readable };
  /** Path inside the context; default "Dockerfile". For a local client it may be outside: then `dockerfileText` is given. */
  readonly dockerfile: string;
  readonly dockerfileText?: string;
  readonly tags: readonly string[];
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly noCache: boolean;
  readonly pull: boolean;
  readonly platform?: Platform;
  readonly networkMode?: string;
  readonly extraHosts?: readonly string[];
  readonly credentials?: Readonly<Record<string, Credentials>>;
}

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
  readonly executor: StepExecutor;
  readonly mounter: RootfsMounter;
  /** The builder's own folder: mount points, unpacked contexts, cache mounts. */
  readonly scratchDir: string;
  /** A base image, stored and unpacked; pulled when need be. */
  resolveBase(reference: string, request: BaseRequest): Promise<Image>;
  lease(): BuildLease;
  readonly log: Log;
}
