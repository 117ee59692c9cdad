import type { SourceLocation } from '../dockerfile-error.ts';
import type { KeyValue } from '../parser/arguments.ts';
import type { Heredoc } from '../parser/heredoc.ts';
import type { RunDevice } from './run-device.ts';
import type { RunMount } from './run-mount.ts';

interface Base<Kind extends string> {
  readonly kind: Kind;
  readonly location: SourceLocation;
  /** The instruction as written, continuation lines joined, without here-document bodies. */
  readonly original: string;
  /** Comment lines directly above, without "#". */
  readonly comments: readonly string[];
}

/** A command line: `shell` form has at most one argument, handed to the stage's shell. */
interface CommandLine {
  readonly form: 'shell' | 'exec';
  readonly args: readonly string[];
}

export interface FromInstruction extends Base<'from'> {
  readonly image: string;
  /** Lower case. */
  readonly alias?: string;
  readonly platform?: string;
}

export interface RunInstruction extends Base<'run'>, CommandLine {
  readonly heredocs: readonly Heredoc[];
  /** Options whose value holds a variable are missing until expandInstruction() has filled them in; `from` never is. */
  readonly mounts: readonly RunMount[];
  /** The --mount values as written. */
  readonly mountSpecs: readonly string[];
  readonly devices: readonly RunDevice[];
  readonly network?: 'default' | 'none' | 'host';
  readonly security?: 'sandbox' | 'insecure';
}

export interface CmdInstruction extends Base<'cmd'>, CommandLine {}
export interface EntrypointInstruction extends Base<'entrypoint'>, CommandLine {}

interface FileSources {
  /** Paths, patterns, and for ADD also URLs; here-documents are not among them. */
  readonly sources: readonly string[];
  readonly dest: string;
  /** Inline files: `name` is the file name, `expand` says whether variables in `content` are replaced. */
  readonly heredocs: readonly Heredoc[];
  readonly chown?: string;
  readonly chmod?: string;
  readonly link: boolean;
  readonly exclude: readonly string[];
}

export interface CopyInstruction extends Base<'copy'>, FileSources {
  readonly from?: string;
  readonly parents: boolean;
}

export interface AddInstruction extends Base<'add'>, FileSources {
  readonly checksum?: string;
  /** Absent means the default of the source's kind. */
  readonly keepGitDir?: boolean;
  readonly unpack?: boolean;
}

export interface EnvInstruction extends Base<'env'> {
  readonly pairs: readonly KeyValue[];
  /** Written `ENV name value`. */
  readonly legacy: boolean;
}

export interface LabelInstruction extends Base<'label'> {
  readonly pairs: readonly KeyValue[];
  readonly legacy: boolean;
}

export interface ArgInstruction extends Base<'arg'> {
  readonly args: readonly { readonly key: string; readonly default?: string }[];
}

export interface ExposeInstruction extends Base<'expose'> {
  /** Sorted, as Docker does; not yet checked. */
  readonly ports: readonly string[];
}

export interface WorkdirInstruction extends Base<'workdir'> {
  readonly path: string;
}

export interface UserInstruction extends Base<'user'> {
  readonly user: string;
}

export interface VolumeInstruction extends Base<'volume'> {
  readonly volumes: readonly string[];
}

export interface ShellInstruction extends Base<'shell'> {
  readonly form: 'exec';
  readonly args: readonly string[];
}

export interface StopSignalInstruction extends Base<'stopsignal'> {
  readonly signal: string;
}

/** Durations are nanoseconds, 0 means Docker's default, as in the image config. */
export interface HealthcheckInstruction extends Base<'healthcheck'> {
  /** `HEALTHCHECK NONE`: then `test` is ["NONE"]. */
  readonly none: boolean;
  /** As Docker stores it: ["CMD-SHELL", text] or ["CMD", ...args]. */
  readonly test: readonly string[];
  readonly intervalNs: number;
  readonly timeoutNs: number;
  readonly startPeriodNs: number;
  readonly startIntervalNs: number;
  readonly retries: number;
}

export interface OnbuildInstruction extends Base<'onbuild'> {
  /** The text stored in the image, here-document bodies included; see parseInstruction(). */
  readonly trigger: string;
}

export interface MaintainerInstruction extends Base<'maintainer'> {
  readonly name: string;
}

export type Instruction =
  | FromInstruction
  | RunInstruction
  | CmdInstruction
  | EntrypointInstruction
  | CopyInstruction
  | AddInstruction
  | EnvInstruction
  | ArgInstruction
  | LabelInstruction
  | ExposeInstruction
  | WorkdirInstruction
  | UserInstruction
  | VolumeInstruction
  | ShellInstruction
  | StopSignalInstruction
  | HealthcheckInstruction
  | OnbuildInstruction
  | MaintainerInstruction;

export type InstructionKind = Instruction['kind'];
