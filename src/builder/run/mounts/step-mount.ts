import { posix } from 'node:path';
import type { RunMount } from '../../../dockerfile/index.ts';
import { LadingError } from '../../../errors/index.ts';
import type { RunConfig } from '../../../oci/index.ts';
import type { ContainerMount } from '../../../runtime/index.ts';
import type { CacheMount } from '../cache-mounts.ts';

/** One mount of a RUN, checked but not yet made. */
export interface StepMount {
  /** What of it counts for the step's cache key. */
  readonly key: unknown;
  /** Where it appears; absent when it is only a variable. */
  readonly target?: string;
  /** It needs this cache's folder. */
  readonly cache?: CacheMount;
  open(opening: Opening): Promise<OpenedMount>;
  /** Asked after the step: whether its files changed meanwhile, so that the key does not say what the step saw. */
  hasChanged?(): Promise<boolean>;
}

export interface Opening {
  /** Folder of the mount's cache. */
  readonly cacheFolder: string | undefined;
  /** Runs `work` when the step has ended; the last one first. */
  onRelease(work: () => Promise<void>): void;
}

/** What a step gets from its mounts. */
export interface OpenedMount {
  readonly mounts: readonly ContainerMount[];
  /** "NAME=value"; they are nobody's but this process's. */
  readonly env?: readonly string[];
  /** Bytes that are not to be shown when the step prints them. */
  readonly secrets?: readonly Uint8Array[];
}

/** A target as the process sees it: relative ones join the working folder. @throws invalid_argument for the root, as Docker */
export function targetOf({ WorkingDir }: RunConfig, text = ''): string {
  const path = posix.resolve('/', WorkingDir || '/', text);
  if (text !== '' && path !== '/') return path;
  throw new LadingError('invalid_argument', 'invalid mount target "/"', { hint: 'add target=/path to the --mount' });
}

export function bindMount(source: string, target: string, readOnly: boolean): ContainerMount {
  return { type: 'bind', source, target, options: ['rbind', 'rprivate', readOnly ? 'ro' : 'rw'] };
}

/** Owner and mode of a mounted file: Docker's defaults where the Dockerfile says nothing. */
export function fileOwner({ uid = 0, gid = 0, mode }: RunMount, defaultMode: number): Owner {
  return { uid, gid, mode: mode ?? defaultMode };
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}
