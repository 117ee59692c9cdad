import type { BuildEvent } from '../../client/index.ts';
import type { BuildStep } from './build-steps.ts';

/** Shows a build while it runs. */
export interface BuildDisplay {
  show(event: BuildEvent): void;
  /** Leaves the terminal in order; `failed` shows the end of the failing step's output. */
  finish(failed: boolean): void;
}

/** The last output of a step that failed, as BuildKit frames it. */
export function failureBlock(step: BuildStep | undefined): string {
  if (step === undefined || step.tail.length === 0) return '';
  return `------\n > ${step.label}:\n${step.tail.map((line) => `${line}\n`).join('')}------\n`;
}

/** "12.3MB / 40MB" */
export function amountText(
  { current, total }: { current?: number; total?: number },
  size: (bytes: number) => string,
): string {
  if (current === undefined) return '';
  return total === undefined || total <= 0 ? size(current) : `${size(current)} / ${size(total)}`;
}
