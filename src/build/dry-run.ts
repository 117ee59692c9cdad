import { applyConfigInstruction } from '../builder/index.ts';
import { expandInstruction, parseDockerfile, runCommand, type Dockerfile, type Instruction, type RunInstruction, type Stage } from '../dockerfile/index.ts';
import { LadingError } from '../errors/index.ts';
import type { RunConfig } from '../oci/index.ts';
import type { Image } from './image.ts';
import { formatPlace, type Place } from './place.ts';
import { targetOf } from './plan.ts';
import { render, type Rendered } from './render.ts';
import { graphOf } from './graph.ts';

/** A RUN step as a dry run gives it to `run`. */
export interface DryRunStep {
  readonly stage: string;
  /** The instruction as it is in the Dockerfile. */
  readonly text: string;
  /** What would be executed: with the shell for a text. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: string;
  readonly network: 'default' | 'none' | 'host';
  readonly mounts: readonly { readonly type: string; readonly target?: string; readonly id?: string; readonly from?: string }[];
  /** The line of the program that said it. */
  readonly place: Place | undefined;
}

/** The configuration of an image, as OCI images hold it. */
export interface ImageConfig {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly StopSignal?: string;
  readonly Shell?: readonly string[];
  readonly OnBuild?: readonly string[];
}

export interface DryRunOptions {
  /** Stands in for a RUN: returns its exit code; nothing is 0. Default: every step succeeds. */
  readonly run?: (step: DryRunStep) => number | void | Promise<number | void>;
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Configurations of base images by reference; default: an empty one. */
  readonly images?: Readonly<Record<string, ImageConfig>>;
  /** "linux/arm64"; default the machine's own. */
  readonly platform?: string;
}

export interface DryRunResult {
  /** The image's configuration. */
  readonly config: ImageConfig;
  /** The RUN steps in the order in which they were played. */
  readonly runs: readonly DryRunStep[];
  /** All instructions of the needed stages, variables replaced as the build would. */
  readonly steps: readonly { readonly stage: string; readonly kind: string; readonly text: string }[];
}
