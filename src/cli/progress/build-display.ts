import type { BuildEvent } from '../../client/index.ts';
import { humanSize } from '../format/units.ts';
import type { BuildStep } from './build-steps.ts';

/** Shows a build while it runs. */
export interface BuildDisplay {
  show(event: BuildEvent): void;
  /** Leaves the terminal in order; `failed` shows the end of the failing step's output. */
  finish(failed: boolean): void;
  /** Leaves the terminal to somebody else until `resume`. Absent: nothing is drawn unasked. */
  suspend?(): void;
  resume?(): void;
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

/** The layer a step made: " 5.25MB"; nothing when it made none. */
export function layerText({ sizeBytes }: BuildStep): string {
  return sizeBytes === 0 ? '' : ` ${humanSize(sizeBytes, 3)}`;
}

/** What came out, and where the build can be looked at again. */
export function resultLines({ imageId, tags, metadata }: Extract<BuildEvent, { kind: 'result' }>): string[] {
  const id = metadata['buildx.build.ref'];
  return [
    ...(imageId === undefined ? [] : [`writing image ${imageId}`]),
    ...tags.map((tag) => `naming to ${tag}`),
    ...(typeof id === 'string' ? [`recorded as ${id}: see lading build log ${id}, lading build profile ${id}`] : []),
  ];
}

export function whyText(message: string): string {
  return `→ not cached: ${message}`;
}
