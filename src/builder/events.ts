import type { BuildResult } from './request.ts';

/** What a build reports, in order; lading's client gets one JSON object a line, the classic endpoint renders it as text. */
export type BuildEvent =
  | BuildStepEvent
  | { readonly kind: 'output'; readonly step: number; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | {
      readonly kind: 'progress';
      readonly step: number;
      readonly id: string;
      readonly status: string;
      readonly current?: number;
      readonly total?: number;
    }
  | {
      readonly kind: 'warning';
      readonly message: string;
      readonly line?: number;
      /** Name of the build check that found it. */
      readonly rule?: string;
      readonly url?: string;
      readonly detail?: string;
      /** Of the Dockerfile, as `docker build` shows them. */
      readonly snippet?: string;
    }
  /** Why a step that runs was not cached; comes between its "started" and its output, when the request asks for it. */
  | BuildExplanation
  /** The answer to `call`: text for people and JSON for programs. `failed` ends the client with status 1. */
  | {
      readonly kind: 'call';
      readonly call: string;
      readonly text: string;
      readonly json: unknown;
      readonly failed: boolean;
    }
  /** An output waits to be fetched once by the client from `GET /lading/build/exports/{id}`, and is written to `dest`. */
  | {
      readonly kind: 'export';
      readonly id: string;
      /** "tar": the stream is one file; "local": it is a tar to be extracted into the folder `dest`. */
      readonly form: 'tar' | 'local';
      /** A path of the client's, "-" for its standard output. */
      readonly dest: string;
      /** local: what is in `dest` and not in the tar is deleted. */
      readonly mode?: 'copy' | 'delete';
    }
  /** A failed step is kept: `POST /lading/build/debug/{id}/shell` attaches to a shell in it. */
  | { readonly kind: 'debug'; readonly id: string; readonly step: number }
  | ({ readonly kind: 'result' } & BuildResult);

export interface BuildStepEvent {
  readonly kind: 'step';
  readonly step: number;
  readonly total: number;
  readonly stage: string;
  /** Where it stands in its stage, as BuildKit shows it: "[linux/arm64 tools 2/5]". */
  readonly place: string;
  /** The instruction. */
  readonly name: string;
  /** cancelled: another step failed, or the client has gone. */
  readonly status: 'started' | 'cached' | 'done' | 'failed' | 'cancelled';
  readonly durationMs?: number;
  /** Cache key of the step. */
  readonly key?: string;
  /** Bytes of the layer it made. */
  readonly sizeBytes?: number;
  /** "linux/arm64", when the build has several. */
  readonly platform?: string;
}

export interface BuildExplanation {
  readonly kind: 'explain';
  readonly step: number;
  readonly key: string;
  /** One sentence for people. */
  readonly message: string;
  /** What differed first: "new", "file", "arg", "env", "base", "parent", "mount", "flag", "command", "no-cache", … */
  readonly cause: string;
  /** Of "parent": the step above that changed. */
  readonly parent?: number;
  /** The thing that differs (a path, a variable's name) with its earlier and present value; secret values never. */
  readonly subject?: string;
  readonly before?: string;
  readonly after?: string;
}
