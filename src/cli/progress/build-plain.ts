import type { BuildEvent } from '../../client/index.ts';
import { failureBlock, layerText, resultLines, whyText, type BuildDisplay } from './build-display.ts';
import { BuildSteps, seconds, type BuildStep } from './build-steps.ts';
import { BuildWarnings } from './build-warnings.ts';

/** Lines for pipes and logs: "#5 [2/7] RUN npm install", "#5 0.312 output", "#5 DONE 1.2s". */
export class PlainDisplay implements BuildDisplay {
  readonly #steps: BuildSteps;
  readonly #write: (text: string) => void;
  readonly #warnings: BuildWarnings;
  #last: BuildStep | undefined;

  constructor(
    write: (text: string) => void,
    steps: BuildSteps = new BuildSteps(),
    warnings: BuildWarnings = new BuildWarnings(),
  ) {
    this.#write = write;
    this.#steps = steps;
    this.#warnings = warnings;
  }

  show(event: BuildEvent): void {
    if (event.kind === 'step') this.#showStep(event);
    else if (event.kind === 'output') {
      const output = this.#steps.onOutput(event);
      if (output !== undefined) this.#printLines(output.step, output.lines);
    } else if (event.kind === 'progress') this.#showProgress(event);
    else if (event.kind === 'explain') this.#showExplanation(event);
    else if (event.kind === 'warning') {
      if (!this.#warnings.take(event)) this.#write(`WARNING: ${event.message}\n`);
    } else if (event.kind === 'result') {
      this.#write(`\n${resultLines(event).join('\n')}\n`);
    }
  }

  finish(failed: boolean): void {
    this.#write(this.#warnings.text());
    if (failed) this.#write(failureBlock(this.#steps.steps.find((step) => step.status === 'failed')));
  }

  #showStep(event: Extract<BuildEvent, { kind: 'step' }>): void {
    const { step, isNew } = this.#steps.onStep(event);
    if (isNew) {
      if (step.number > 1) this.#write('\n');
      this.#write(`#${step.number} ${step.label}\n`);
      this.#last = step;
    }
    if (step.status === 'running') return;
    this.#printLines(step, this.#steps.flush(step));
    const end = {
      cached: 'CACHED',
      done: `DONE ${seconds(step.durationMs)}${layerText(step)}`,
      failed: 'ERROR',
      cancelled: 'CANCELED',
    }[step.status];
    this.#printHeading(step);
    this.#write(`#${step.number} ${end}\n`);
  }

  #showExplanation(event: Extract<BuildEvent, { kind: 'explain' }>): void {
    const step = this.#steps.onExplain(event);
    if (step === undefined) return;
    this.#printHeading(step);
    this.#write(`#${step.number} ${whyText(event.message)}\n`);
  }

  /** One line for each new status of a thing, not for every byte. */
  #showProgress(event: Extract<BuildEvent, { kind: 'progress' }>): void {
    const step = this.#steps.find(event.step);
    if (step === undefined || step.progress.get(event.id) === event.status) return;
    step.progress.set(event.id, event.status);
    this.#printHeading(step);
    this.#write(`#${step.number} ${event.id} ${event.status}\n`);
  }

  #printLines(step: BuildStep, lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#printHeading(step);
    const time = (this.#steps.elapsedMs(step) / 1000).toFixed(3);
    for (const line of lines) this.#write(`#${step.number} ${time} ${line}\n`);
  }

  /** Names a step again when another one spoke in between. */
  #printHeading(step: BuildStep): void {
    if (this.#last !== step) this.#write(`\n#${step.number} ${step.label}\n`);
    this.#last = step;
  }
}
