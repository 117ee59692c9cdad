import type { BuildEvent } from '../../builder/index.ts';

export type BuildStatus = 'running' | 'completed' | 'failed' | 'cancelled';

/** One step of a recorded build. Times are milliseconds since the build's start. */
export interface RecordedStep {
  readonly step: number;
  readonly stage: string;
  readonly name: string;
  readonly platform?: string;
  readonly status: 'running' | 'cached' | 'done' | 'failed' | 'cancelled';
  readonly startMs: number;
  readonly durationMs: number;
  /** Cache key; names the log of the run that made the result. */
  readonly key?: string;
  /** Bytes of the layer. */
  readonly sizeBytes?: number;
  /** Bytes of output in this build. */
  readonly logBytes?: number;
  /** Why it was not cached. */
  readonly explanation?: string;
}

/** What is kept of a build after it ended. Argument values are not: they may be secrets. */
export interface BuildRecord {
  /** 12 hexadecimal digits. */
  readonly id: string;
  /** Builds of one name are compared with one another. */
  readonly name: string;
  readonly status: BuildStatus;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly context: string;
  readonly dockerfile: string;
  readonly target?: string;
  readonly platforms: readonly string[];
  readonly tags: readonly string[];
  readonly buildArgNames: readonly string[];
  readonly imageId?: string;
  readonly error?: string;
  readonly warnings: readonly Warning[];
  readonly steps: readonly RecordedStep[];
}

export type Warning = Omit<Extract<BuildEvent, { kind: 'warning' }>, 'kind' | 'snippet'>;
