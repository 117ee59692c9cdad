import { humanSize } from '../../format/units.ts';
import type { Profile, ProfileStep } from './profile.ts';

/** "1.24s", "35ms" */
export function timeText(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)}s` : `${Math.round(ms)}ms`;
}

/** Change against the build compared with: "+1.20s", "-35ms", "=", "new". */
export function changeText(ms: number, previous: number | undefined): string {
  if (previous === undefined) return 'new';
  const difference = Math.round(ms - previous);
  if (difference === 0) return '=';
  return `${difference > 0 ? '+' : '-'}${timeText(Math.abs(difference))}`;
}

export function sizeText(bytes: number | undefined): string {
  return bytes === undefined ? '' : humanSize(bytes, 3);
}

/** "[build] RUN npm ci" on one line, without what could steer a terminal. */
export function labelOf({ stage, platform, name }: ProfileStep): string {
  const where = platform === undefined ? stage : `${platform} ${stage}`;
  // oxlint-disable-next-line no-control-regex
  return `[${where}] ${name}`.replace(/\s+/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}

/** One line that says it all. */
export function summaryOf({ totals, compared, status }: Profile): string {
  const { wallMs, ran, cached, failed, newLayerBytes, layerBytes } = totals;
  const steps = [`${ran} ran`, `${cached} cached`, ...(failed > 0 ? [`${failed} failed`] : [])].join(', ');
  const change = compared ? ` (${changeText(wallMs, compared.wallMs)} against ${compared.id})` : '';
  return `${status} in ${timeText(wallMs)}${change} · steps: ${steps} · layers: ${sizeText(newLayerBytes)} new of ${sizeText(layerBytes)}`;
}
