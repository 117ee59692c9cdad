import type { HistoryEntry, Platform, RunConfig } from '../oci/index.ts';
import type { BuiltLayer } from './cache/cache-record.ts';
import type { Lineage } from './explain/lineage.ts';

/** The instruction a step came from. */
export interface StepOrigin {
  /** Name or number of the stage. */
  readonly stage: string;
  /** In the Dockerfile, from 1; of an ONBUILD trigger its FROM's. */
  readonly line: number;
  /** As written, without credentials. */
  readonly text: string;
}

/** A history entry. Of this build's own, only those of layers have a time before the image is written. */
export interface StageHistory {
  readonly entry: HistoryEntry;
  /** It came with the base image, and stays as it is. */
  readonly inherited: boolean;
  readonly origin?: StepOrigin;
}

/** What a stage made: the parts of an image. */
export interface StageResult {
  readonly platform: Platform;
  readonly config: RunConfig;
  readonly author: string | undefined;
  /** The base's included. */
  readonly layers: readonly BuiltLayer[];
  readonly history: readonly StageHistory[];
  /** The base image's `created`. */
  readonly baseCreated: string | undefined;
  /** Declared arguments: a stage built on this one has them too. */
  readonly args: ReadonlyMap<string, string | undefined>;
  /** The base, then the steps that made the layers: for explaining. */
  readonly lineage: Lineage;
  /** Arguments declared behind a variable of their name: for steps they take its place, the image keeps the variable. */
  readonly shadowing: ReadonlySet<string>;
}
