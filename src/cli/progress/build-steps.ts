import type { BuildEvent } from '../../client/index.ts';

export type StepStatus = 'running' | 'done' | 'cached' | 'failed' | 'cancelled';

export interface BuildStep {
  /** Number shown before "#" lines, unique in the build. */
  readonly number: number;
  /** "[build 2/7] RUN npm install" */
  readonly label: string;
  readonly startedAt: number;
  status: StepStatus;
  durationMs: number;
  /** Bytes of the layer it made. */
  sizeBytes: number;
  /** Why it was not cached. */
  why?: string;
  /** Last lines of output, oldest first. */
  readonly tail: string[];
  /** Output without its newline yet. */
  partial: string;
  /** What moves inside the step: ID → "status 1MB/3MB". */
  readonly progress: Map<string, string>;
}

const TAIL_LINES = 10;
/** Characters of a line that is shown before it has ended. */
const MAX_LINE = 64 << 10;

/** Follows a build's events and keeps what a display needs. */
export class BuildSteps {
  readonly steps: BuildStep[] = [];
  readonly #current = new Map<number, BuildStep>();
  readonly #stages = new Map<BuildStep, string>();
  readonly #now: () => number;
  /** Steps the build will have, as far as is known. */
  #total = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get total(): number {
    return Math.max(this.steps.length, this.#total);
  }

  /** The step as the event leaves it, and whether the event is the first to name it. */
  onStep(event: Extract<BuildEvent, { kind: 'step' }>): { step: BuildStep; isNew: boolean } {
    this.#total = Math.max(this.#total, event.total);
    let step = this.#current.get(event.step);
    const isNew = step === undefined || this.#stages.get(step) !== event.stage;
    if (step === undefined || isNew) {
      step = this.#newStep(event);
      this.#current.set(event.step, step);
    }
    if (event.status === 'started') step.status = 'running';
    else {
      step.status = event.status;
      step.durationMs = event.durationMs ?? this.#now() - step.startedAt;
      step.sizeBytes = event.status === 'done' ? (event.sizeBytes ?? 0) : 0;
    }
    return { step, isNew };
  }

  /** The step it is about. */
  onExplain({ step: number, message }: Extract<BuildEvent, { kind: 'explain' }>): BuildStep | undefined {
    const step = this.#current.get(number);
    if (step) step.why = message;
    return step;
  }

  /** Whole lines that the event completed. */
  onOutput(event: Extract<BuildEvent, { kind: 'output' }>): { step: BuildStep; lines: string[] } | undefined {
    const step = this.#current.get(event.step);
    if (step === undefined) return undefined;
    const lines = (step.partial + event.text).split('\n');
    step.partial = lines.pop() ?? '';
    if (step.partial.length > MAX_LINE) lines.push(...this.#cut(step));
    this.#remember(step, lines);
    return { step, lines };
  }

  /** A line that does not end must not fill the memory. */
  #cut(step: BuildStep): string[] {
    const line = step.partial;
    step.partial = '';
    return [line];
  }

  /** The line a finished step left unfinished. */
  flush(step: BuildStep): string[] {
    const rest = step.partial;
    step.partial = '';
    if (rest === '') return [];
    this.#remember(step, [rest]);
    return [rest];
  }

  find(number: number): BuildStep | undefined {
    return this.#current.get(number);
  }

  elapsedMs(step: BuildStep): number {
    return step.status === 'running' ? this.#now() - step.startedAt : step.durationMs;
  }

  #newStep(event: Extract<BuildEvent, { kind: 'step' }>): BuildStep {
    const step: BuildStep = {
      number: this.steps.length + 1,
      label: labelOf(event),
      startedAt: this.#now(),
      status: 'running',
      durationMs: 0,
      sizeBytes: 0,
      tail: [],
      partial: '',
      progress: new Map(),
    };
    this.steps.push(step);
    this.#stages.set(step, event.stage);
    return step;
  }

  #remember(step: BuildStep, lines: readonly string[]): void {
    step.tail.push(...lines);
    step.tail.splice(0, step.tail.length - TAIL_LINES);
  }
}

function labelOf({ name, place }: Extract<BuildEvent, { kind: 'step' }>): string {
  return `${place} ${name.replace(/\s*\n\s*/g, ' ')}`;
}

/** "0.3s", "75.2s" */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)}s`;
}
