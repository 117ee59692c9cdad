import type { Readable } from 'node:stream';
import type { Platform } from '../oci/index.ts';

export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** One `key=value,…` option with a `type`: an output, a cache to read or write, an attestation. Values as the user wrote them. */
export interface TypedOptions {
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
}

/** What one RUN step may take of the machine; absent means no limit. */
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

export interface Ulimit {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

/** What a build gives back: an image, or only what it knows of the Dockerfile (`--call`). */
export type BuildCall = 'build' | 'check' | 'outline' | 'targets';

/** `--provenance`, `--sbom`. `false` is an explicit no. */
export interface AttestationOptions {
  readonly provenance?: false | { readonly mode: 'min' | 'max'; readonly attrs?: Readonly<Record<string, string>> };
  readonly sbom?: false | { readonly attrs?: Readonly<Record<string, string>> };
  /** Referrers leave images plain; `index` is BuildKit's form, on request. Default referrers. */
  readonly form?: 'referrers' | 'index';
}

/** A build as asked for, in plain JSON: all of a request but streams and secret bytes. */
export interface BuildSettings {
  /** Path inside the context; default "Dockerfile". For a local client it may be outside: then `dockerfileText` is given. */
  readonly dockerfile: string;
  readonly dockerfileText?: string;
  /** `<Dockerfile>.dockerignore` of a Dockerfile that came as text. */
  readonly ignoreText?: string;
  readonly tags: readonly string[];
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly noCache: boolean;
  /** Stages whose steps are not looked up in the cache. */
  readonly noCacheFilter?: readonly string[];
  readonly pull: boolean;
  /** Target platforms; empty is the machine's own. */
  readonly platforms?: readonly Platform[];
  readonly networkMode?: string;
  /** "host:address" */
  readonly extraHosts?: readonly string[];
  /**
   * `--build-context name=value`: an absolute folder, "docker-image://ref", "oci-layout:///path[:tag|@digest]", "target:stage", or a
   * Git or http address.
   */
  readonly contexts?: Readonly<Record<string, string>>;
  /** `--ssh id=…`: path of an agent's socket on this machine. */
  readonly ssh?: Readonly<Record<string, string>>;
  /** Entitlements: "network.host", "security.insecure". */
  readonly allow?: readonly string[];
  readonly limits?: StepLimits;
  readonly ulimits?: readonly Ulimit[];
  readonly shmSizeBytes?: number;
  readonly cgroupParent?: string;
  readonly cacheFrom?: readonly TypedOptions[];
  readonly cacheTo?: readonly TypedOptions[];
  /** Where the result goes; empty stores the image. */
  readonly outputs?: readonly TypedOptions[];
  /** "[level:]key=value": level is manifest (default), index, manifest-descriptor, index-descriptor, each with an optional [platform]. */
  readonly annotations?: readonly string[];
  readonly attestations?: AttestationOptions;
  readonly squash?: 'stage' | 'since-base';
  readonly call?: BuildCall;
  /** Say for each step that runs why it was not cached. */
  readonly explain?: boolean;
  /** Keep a failed step so that the client can open a shell in it. */
  readonly onError?: 'shell';
  /** Name under which the build is recorded and compared; default: the first tag, or the context's folder. */
  readonly name?: string;
  readonly credentials?: Readonly<Record<string, Credentials>>;
}

/** The files of a build. */
export type ContextSource =
  /** A folder on this machine, read in place. */
  | { readonly kind: 'directory'; readonly path: string }
  /** A tar stream of any compression. */
  | { readonly kind: 'tar'; readonly stream: Readable }
  /** A Git address, with "#ref:subfolder" or query, as Docker writes them. */
  | { readonly kind: 'git'; readonly address: string }
  /** An http or https address of an archive, or of a Dockerfile alone. */
  | { readonly kind: 'http'; readonly address: string };

export interface BuildRequest extends BuildSettings {
  readonly context: ContextSource;
  /** `--secret id=…`: bytes by id. They never reach a layer, the history, a cache key, provenance or a log. */
  readonly secrets?: ReadonlyMap<string, Uint8Array>;
}

/** What a finished build tells. */
export interface BuildResult {
  /** Image ID: the config's digest, or the index's for several platforms. Absent when no image was asked for. */
  readonly imageId?: string;
  readonly tags: readonly string[];
  /** As `--metadata-file` writes it: "containerimage.digest", "containerimage.config.digest", "buildx.build.ref", … */
  readonly metadata: Readonly<Record<string, unknown>>;
}
