import type { Place } from './place.ts';

/** One output, cache or the like: a type and its attributes as `-o type=…,key=value` has them. */
export interface Typed {
  readonly type: string;
  readonly attrs?: Readonly<Record<string, string>>;
}

/** A secret's bytes, or where they are when the build begins. */
export type SecretSource = string | Uint8Array | { readonly file: string } | { readonly env: string };

/** Where a build's state is. */
export interface StoreOptions {
  /** The store; default the machine's own, /var/lib/lading. A daemon that has it does the build. */
  readonly dataRoot?: string;
  /** State of running steps; default /run/lading, or below a dataRoot that was given. */
  readonly execRoot?: string;
  /** A daemon to use whatever has the store: "unix:///path" or "tcp://host:port". */
  readonly host?: string;
  readonly insecureRegistries?: readonly string[];
  readonly registryMirrors?: readonly string[];
}

/** Absent means no limit. */
export interface StepLimits {
  readonly memoryBytes?: number;
  /** Memory and swap together; -1 is unlimited. */
  readonly memorySwapBytes?: number;
  readonly cpuShares?: number;
  readonly cpuPeriodUs?: number;
  readonly cpuQuotaUs?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pids?: number;
  /** A step that runs longer is killed and fails. */
  readonly timeoutMs?: number;
}

/** What `lading build` takes as flags. */
export interface BuildOptions extends StoreOptions {
  /** Folder of the files that steps copy; default the working folder. */
  readonly context?: string;
  /** A stage by its name instead of this image. */
  readonly target?: string;
  readonly tags?: readonly string[];
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Labels on top of the program's. */
  readonly labels?: Readonly<Record<string, string>>;
  /** "linux/arm64", …; default the machine's own. */
  readonly platforms?: readonly string[];
  readonly noCache?: boolean;
  readonly pull?: boolean;
  /** Default: the image goes to the store. */
  readonly outputs?: readonly Typed[];
  readonly cacheFrom?: readonly Typed[];
  readonly cacheTo?: readonly Typed[];
  readonly annotations?: readonly string[];
  readonly secrets?: Readonly<Record<string, SecretSource>>;
  /** Sockets of ssh agents by id. */
  readonly ssh?: Readonly<Record<string, string>>;
  /** Folders and addresses by name, instead of those the program gives. */
  readonly contexts?: Readonly<Record<string, string>>;
  readonly network?: 'default' | 'none' | 'host';
  readonly allow?: readonly ('network.host' | 'security.insecure')[];
  readonly squash?: 'stage' | 'since-base';
  /** Say for each step that runs why it was not in the cache: events of kind "explain". */
  readonly explain?: boolean;
  /** How the image was made, attached to it. */
  readonly provenance?: false | 'min' | 'max';
  /** What is in the image, attached to it. */
  readonly sbom?: boolean;
  /** What each step may take of the machine. */
  readonly limits?: StepLimits;
  /** Stages whose steps are not looked up in the cache. */
  readonly noCacheFilter?: readonly string[];
  /** "host:address" */
  readonly extraHosts?: readonly string[];
  /** Name under which the build is recorded; default: the first tag, or the context's folder. */
  readonly name?: string;
  /** The Dockerfile's directive of that name: "skip=…", "error=true". */
  readonly check?: string;
  /** What the rules of .dockerignore say; default the context's file. */
  readonly ignore?: readonly string[];
  readonly onEvent?: (event: BuildEvent) => void;
  readonly signal?: AbortSignal;
}

/** What a build reports while it runs. Kinds may be added. */
export type BuildEvent =
  | {
      readonly kind: 'step';
      readonly step: number;
      readonly total: number;
      readonly stage: string;
      readonly name: string;
      readonly status: 'started' | 'cached' | 'done' | 'failed' | 'cancelled';
      readonly durationMs?: number;
      readonly key?: string;
      readonly sizeBytes?: number;
      readonly platform?: string;
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
  | { readonly kind: 'warning'; readonly message: string; readonly line?: number; readonly rule?: string }
  | { readonly kind: 'explain'; readonly step: number; readonly message: string; readonly cause: string };

export interface StepRecord {
  readonly stage: string;
  /** The instruction. */
  readonly name: string;
  /** The line of the program that said it; a base image's triggers have none. */
  readonly definedAt?: Place;
  readonly cached: boolean;
  readonly durationMs: number;
  readonly key?: string;
  readonly sizeBytes?: number;
  readonly platform?: string;
}

export interface BuildResult {
  /** "sha256:…"; absent when no image was asked for. */
  readonly imageId?: string;
  /** The manifest's digest, or the index's. */
  readonly digest?: string;
  readonly tags: readonly string[];
  /** In the order in which they ended. */
  readonly steps: readonly StepRecord[];
  /** As `--metadata-file` writes it. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The Dockerfile that was built. */
  readonly dockerfile: string;
}

/**
 * A build that runs. `await` it for its result, `for await` it for its events (all of them, from the first); both may be done.
 * Disposing cancels it, and returns when nothing of it runs any more.
 */
export interface RunningBuild extends PromiseLike<BuildResult>, AsyncIterable<BuildEvent>, AsyncDisposable {
  /** The result as a promise. */
  readonly result: Promise<BuildResult>;
  cancel(): void;
}

/** What a program's function is told. */
export interface ProgramInput {
  /** `--build-arg`s. What the function reads from here need not be declared by a step. */
  readonly args: Readonly<Record<string, string | undefined>>;
  /** The platform the image is for, for example "linux/arm64". */
  readonly platform: string;
}
