import { formatTable } from '../../format/table.ts';
import type { Profile } from './profile.ts';
import { changeText, labelOf, sizeText, summaryOf, timeText } from './words.ts';

const BAR = 30;
const LABEL = 60;

/** A table with a bar a step, for terminals. */
export function renderText(profile: Profile): string {
  const { steps, totals, compared } = profile;
  const scale = BAR / Math.max(1, totals.wallMs);
  const rows = steps.map((step) => [
    `#${step.step}`,
    cut(labelOf(step)),
    step.status,
    timeText(step.durationMs),
    ...(compared ? [changeText(step.durationMs, step.previous?.durationMs)] : []),
    sizeText(step.sizeBytes),
    bar(step.startMs * scale, step.durationMs * scale),
  ]);
  const heading = ['', 'STEP', 'STATUS', 'TIME', ...(compared ? ['CHANGE'] : []), 'LAYER', ''];
  const rest = `outside the steps: ${timeText(totals.idleMs)} (context, Dockerfile, export)`;
  return `build ${profile.id} of ${profile.name}: ${summaryOf(profile)}\n\n${formatTable([heading, ...rows])}\n${rest}\n`;
}

function bar(start: number, length: number): string {
  const from = Math.min(BAR - 1, Math.floor(start));
  const to = Math.min(BAR, Math.max(from + 1, Math.round(start + length)));
  return `${' '.repeat(from)}${'█'.repeat(to - from)}`;
}

function cut(text: string): string {
  return text.length > LABEL ? `${text.slice(0, LABEL - 1)}…` : text;
}
