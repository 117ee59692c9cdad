import {
  renderSnippet,
  type CheckWarning,
  type Instruction,
  type SourceFile,
  type Stage,
} from '../dockerfile/index.ts';
import type { BuildEvent, BuildExplanation, BuildStepEvent } from './types.ts';
import { withoutUserinfo } from './without-userinfo.ts';

const NUMBERED: readonly Instruction['kind'][] = ['from', 'run', 'copy', 'add', 'workdir'];

/** Whether an instruction is a step of its own in what a build shows; the others take no time. */
export function isNumbered(instruction: Instruction): boolean {
  return NUMBERED.includes(instruction.kind);
}

/** Numbers the steps of a build and reports them. */
export class Progress {
  readonly onEvent: (event: BuildEvent) => void;
  total = 0;

  constructor(onEvent: (event: BuildEvent) => void) {
    this.onEvent = onEvent;
  }

  /** Numbers for the steps of all stages that are built for one platform, in the file's order. */
  reserve(stages: readonly Stage[], platform?: string): PlatformProgress {
    const places = new Map<Instruction, Place>();
    for (const stage of stages) {
      const numbered = [stage.from, ...stage.instructions].filter(isNumbered);
      numbered.forEach((instruction, at) =>
        places.set(instruction, { step: ++this.total, inStage: `${at + 1}/${numbered.length}` }),
      );
    }
    const isOnly = stages.length === 1 && stages[0]?.index === 0;
    return new PlatformProgress(this, places, { platform, isOnly });
  }

  /** A step that is no instruction, but work on a cache or an output. */
  extra(name: string, stage = 'cache'): StepProgress {
    const step = ++this.total;
    const place = `[${stage}]`;
    return new StepProgress({ step, place }, this.onEvent, (status, details) => ({
      kind: 'step',
      step,
      total: this.total,
      stage,
      place,
      name,
      status,
      ...details,
    }));
  }

  warn(message: string): void {
    this.onEvent({ kind: 'warning', message });
  }

  /** What the build checks found. */
  warnAll(warnings: readonly CheckWarning[], file: SourceFile): void {
    for (const { rule, message, url, description, location } of warnings)
      this.onEvent({
        kind: 'warning',
        rule,
        message,
        line: location.startLine,
        detail: description,
        snippet: renderSnippet(file, location),
        ...(url === undefined ? {} : { url }),
      });
  }
}

/** The steps of one platform. */
export class PlatformProgress {
  readonly #build: Progress;
  readonly #places: ReadonlyMap<Instruction, Place>;
  readonly #options: PlatformProgressOptions;

  constructor(build: Progress, places: ReadonlyMap<Instruction, Place>, options: PlatformProgressOptions) {
    this.#build = build;
    this.#places = places;
    this.#options = options;
  }

  warn(message: string): void {
    this.#build.warn(message);
  }

  /** ONBUILD triggers get numbers at the end: they are not known before. */
  begin(stage: Stage, instruction: Instruction): StepProgress {
    const build = this.#build;
    const known = this.#places.get(instruction);
    const step = known?.step ?? ++build.total;
    const place = this.#textOf(stage, known?.inStage ?? 'onbuild');
    const { platform } = this.#options;
    const name = withoutUserinfo(instruction.original);
    return new StepProgress({ step, place }, build.onEvent, (status, details) => ({
      kind: 'step',
      step,
      total: build.total,
      stage: stage.name ?? `stage-${stage.index}`,
      place,
      name,
      status,
      ...details,
      ...(platform === undefined ? {} : { platform }),
    }));
  }

  /** The only stage goes without its number, as in BuildKit. */
  #textOf(stage: Stage, inStage: string): string {
    const { platform, isOnly } = this.#options;
    const name = stage.name ?? (isOnly ? undefined : `stage-${stage.index}`);
    return `[${[platform, name, inStage].filter((part) => part !== undefined).join(' ')}]`;
  }
}

interface Place {
  readonly step: number;
  /** "2/5" */
  readonly inStage: string;
}

interface PlatformProgressOptions {
  readonly platform: string | undefined;
  /** The Dockerfile's only stage. */
  readonly isOnly: boolean;
}

/** What is known of a step when it ends. */
export type StepDetails = Pick<BuildStepEvent, 'key' | 'sizeBytes'>;

type Describe = (status: BuildStepEvent['status'], details?: Partial<BuildStepEvent>) => BuildEvent;

/** One step's reports: started once, ended once. Output is decoded without cutting characters. */
export class StepProgress {
  readonly number: number;
  /** "[build 2/4]" */
  readonly place: string;
  readonly #onEvent: (event: BuildEvent) => void;
  readonly #describe: Describe;
  readonly #startedMs = performance.now();
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };

  constructor(
    { step, place }: { readonly step: number; readonly place: string },
    onEvent: (event: BuildEvent) => void,
    describe: Describe,
  ) {
    this.number = step;
    this.place = place;
    this.#onEvent = onEvent;
    this.#describe = describe;
    onEvent(describe('started'));
  }

  output(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    const text = this.#decoders[stream].decode(chunk, { stream: true });
    if (text !== '') this.#onEvent({ kind: 'output', step: this.number, stream, text });
  }

  progress(id: string, status: string, current?: number, total?: number): void {
    const amounts = { ...(current === undefined ? {} : { current }), ...(total === undefined ? {} : { total }) };
    this.#onEvent({ kind: 'progress', step: this.number, id, status, ...amounts });
  }

  /** The step failed and is kept under this name. */
  debug(id: string): void {
    this.#onEvent({ kind: 'debug', id, step: this.number });
  }

  /** Why it runs. */
  explain(key: string, difference: Omit<BuildExplanation, 'kind' | 'step' | 'key'>): void {
    this.#onEvent({ kind: 'explain', step: this.number, key, ...difference });
  }

  end(status: 'cached' | 'done' | 'failed' | 'cancelled', details: StepDetails = {}): void {
    const durationMs = Math.round(performance.now() - this.#startedMs);
    this.#onEvent(this.#describe(status, { durationMs, ...details }));
  }
}
