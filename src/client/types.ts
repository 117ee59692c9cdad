import type { BuildCacheRecord, EngineBuildEvent, EngineBuildSettings, EngineRebuildVerdict } from '../api/index.ts';
import type { ContainerConfig, HostConfig } from './container-config.ts';

export type { BuildCacheRecord } from '../api/index.ts';

/** Docker's wire types, as far as lading's command line reads them. */

export interface CreateContainerBody extends ContainerConfig {
  readonly HostConfig: HostConfig;
  readonly NetworkingConfig?: { readonly EndpointsConfig: Readonly<Record<string, EndpointSettings>> };
}

export interface EndpointSettings {
  readonly Aliases?: readonly string[];
  readonly IPAMConfig?: { readonly IPv4Address?: string; readonly IPv6Address?: string };
  readonly IPAddress?: string;
  readonly IPPrefixLen?: number;
}

export interface ContainerPort {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

export interface ContainerSummary {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly ImageID: string;
  readonly Command: string;
  readonly Created: number;
  readonly Ports: readonly ContainerPort[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly State: string;
  readonly Status: string;
  readonly SizeRw?: number;
  readonly SizeRootFs?: number;
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, EndpointSettings>> };
  readonly Mounts: readonly { readonly Type: string; readonly Name?: string; readonly Source: string }[];
}

export interface ContainerInspect {
  readonly Id: string;
  readonly Name: string;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly Paused: boolean;
    readonly ExitCode: number;
    readonly Error: string;
  };
  readonly Config: {
    readonly Tty: boolean;
    readonly OpenStdin: boolean;
    readonly AttachStdin: boolean;
    readonly AttachStdout: boolean;
    readonly AttachStderr: boolean;
    readonly Image: string;
  };
  readonly HostConfig: { readonly AutoRemove: boolean };
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly { HostIp: string; HostPort: string }[] | null>>;
  };
}

export interface WaitResult {
  readonly StatusCode: number;
  readonly Error?: { readonly Message: string } | null;
}

export interface ImageSummary {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  readonly Created: number;
  readonly Size: number;
  readonly SharedSize: number;
  readonly Containers: number;
}

/** An in-toto statement about an image, and the artifact it is stored in. */
export interface Attestation {
  readonly Descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly PredicateType: string;
  readonly Statement?: { readonly predicate: unknown };
}

export interface HistoryItem {
  readonly Id: string;
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Tags: readonly string[] | null;
  readonly Size: number;
  readonly Comment: string;
}

export interface DeletedImage {
  readonly Untagged?: string;
  readonly Deleted?: string;
}

export interface NetworkSummary {
  readonly Name: string;
  readonly Id: string;
  readonly Created: string;
  readonly Scope: string;
  readonly Driver: string;
  readonly EnableIPv4?: boolean;
  readonly EnableIPv6: boolean;
  readonly Internal: boolean;
  readonly Labels: Readonly<Record<string, string>> | null;
}

export interface VolumeSummary {
  readonly Name: string;
  readonly Driver: string;
  readonly Mountpoint: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Scope: string;
  readonly UsageData?: { readonly Size: number; readonly RefCount: number } | null;
}

/** Docker's `jsonmessage`. */
export interface ProgressMessage {
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly progress?: string;
  readonly stream?: string;
  readonly aux?: unknown;
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string; readonly code?: number };
}

/** Go's os.FileMode bits in `mode`. */
export interface PathStat {
  readonly name: string;
  readonly size: number;
  readonly mode: number;
  readonly mtime: string;
  readonly linkTarget: string;
}

export interface DiskUsage {
  readonly LayersSize: number;
  readonly Images: readonly ImageSummary[] | null;
  readonly Containers: readonly ContainerSummary[] | null;
  readonly Volumes: readonly VolumeSummary[] | null;
  readonly BuildCache: readonly BuildCacheRecord[] | null;
  readonly BuilderSize?: number;
}

export interface BuildPruneQuery {
  readonly all?: boolean;
  readonly filters?: Filters;
  readonly reservedBytes?: number | undefined;
  readonly maxUsedBytes?: number | undefined;
  readonly minFreeBytes?: number | undefined;
  /** Only tell. */
  readonly dryRun?: boolean;
  /** Answer with `Items`. */
  readonly details?: boolean;
}

export interface PruneReport {
  readonly ContainersDeleted?: readonly string[] | null;
  readonly ImagesDeleted?: readonly DeletedImage[] | null;
  readonly NetworksDeleted?: readonly string[] | null;
  readonly VolumesDeleted?: readonly string[] | null;
  readonly CachesDeleted?: readonly string[] | null;
  readonly SpaceReclaimed?: number;
  /** Of a build prune, when asked for: `Size` is what the removal of each frees. */
  readonly Items?: readonly BuildCacheRecord[];
}

export interface EngineEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly time: number;
  readonly timeNano: number;
}

export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly serveraddress?: string;
}

/** `application/vnd.lading.build-events+json`: the daemon's live account of a build, one JSON object a line. */
export type BuildEvent =
  | EngineBuildEvent
  | { readonly kind: 'error'; readonly message: string; readonly code?: string; readonly hint?: string };

/** What a rebuild is told besides the provenance. */
export interface RebuildRequest {
  readonly folder?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, Uint8Array>>;
  readonly ignoreTimes?: boolean;
  /** Per registry. */
  readonly credentials?: Readonly<Record<string, Credentials>>;
}

/** What a rebuild gave; the last line of its events. */
export type RebuildVerdict = { readonly kind: 'verdict' } & EngineRebuildVerdict;

/** What `POST /build` takes from lading's client; see `src/builder/request.ts`. Platforms as texts, secrets as bytes. */
export interface BuildSettings extends Omit<EngineBuildSettings, 'platforms'> {
  readonly platforms?: readonly string[];
  readonly secrets?: Readonly<Record<string, Uint8Array>>;
}

export type Filters = Readonly<Record<string, readonly string[]>>;
