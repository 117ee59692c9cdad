import type { Profile, ProfileStep } from './profile.ts';
import { changeText, labelOf, sizeText, summaryOf, timeText } from './words.ts';

const WIDTH = 1200;
const LABEL_WIDTH = 430;
const NUMBERS_WIDTH = 210;
const ROW = 24;
const TOP = 84;
const LABEL_LETTERS = 62;
const TICKS = 6;
const CHART = WIDTH - LABEL_WIDTH - NUMBERS_WIDTH;

/** Light and dark, as whoever looks prefers. */
export const PROFILE_STYLE = `
.profile { --ink: #1f2328; --dim: #656d76; --line: #d1d9e0; --paper: #ffffff; --done: #2f6fdb; --cached: #8fbf9f; --failed: #cf222e; --before: #b6bec8;
  font: 13px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
@media (prefers-color-scheme: dark) { .profile { --ink: #e6edf3; --dim: #9198a1; --line: #3d444d; --paper: #0d1117; --done: #4c8dff; --cached: #3f7d58; --failed: #f85149; --before: #59636e; } }
.profile text { fill: var(--ink); font: 12px system-ui, sans-serif; }
.profile .dim { fill: var(--dim); }
.profile .title { font-size: 16px; font-weight: 600; }
.profile .paper { fill: var(--paper); }
.profile .tick { stroke: var(--line); stroke-width: 1; }
.profile .done { fill: var(--done); } .profile .cached { fill: var(--cached); } .profile .failed, .profile .cancelled { fill: var(--failed); }
.profile .before { fill: none; stroke: var(--before); stroke-width: 1.5; }
`;

/** A chart of all steps over time. Outlined: how long the step took in the build compared with. */
export function renderSvg(profile: Profile): string {
  const height = TOP + profile.steps.length * ROW + 20;
  const scale = CHART / Math.max(1, profile.totals.wallMs);
  return `<svg xmlns="http://www.w3.org/2000/svg" class="profile" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escapeXml(`Profile of build ${profile.id}`)}">
<style>${PROFILE_STYLE}</style>
<rect class="paper" width="${WIDTH}" height="${height}"/>
<text class="title" x="12" y="26">${escapeXml(profile.name)} <tspan class="dim">build ${profile.id}</tspan></text>
<text class="dim" x="12" y="46">${escapeXml(summaryOf(profile))}</text>
${axis(profile, height)}
${profile.steps.map((step, row) => stepRow(step, TOP + row * ROW, scale, profile.compared !== undefined)).join('\n')}
</svg>
`;
}

function axis({ totals, compared }: Profile, height: number): string {
  const ticks = Array.from({ length: TICKS }, (_, i) => {
    const x = LABEL_WIDTH + (CHART * i) / (TICKS - 1);
    const text = timeText((totals.wallMs * i) / (TICKS - 1));
    const anchor = i === TICKS - 1 ? 'end' : i === 0 ? 'start' : 'middle';
    return `<line class="tick" x1="${round(x)}" y1="72" x2="${round(x)}" y2="${height - 12}"/><text class="dim" x="${round(x)}" y="66" text-anchor="${anchor}">${text}</text>`;
  });
  const right = WIDTH - NUMBERS_WIDTH;
  const heads = [
    [right + 70, 'time'],
    ...(compared ? [[right + 138, 'change'] as const] : []),
    [right + 202, 'layer'],
  ] as const;
  return [
    ...ticks,
    ...heads.map(([x, text]) => `<text class="dim" x="${x}" y="66" text-anchor="end">${text}</text>`),
  ].join('');
}

function stepRow(step: ProfileStep, y: number, scale: number, isCompared: boolean): string {
  const label = labelOf(step);
  const shown = label.length > LABEL_LETTERS ? `${label.slice(0, LABEL_LETTERS - 1)}…` : label;
  const x = LABEL_WIDTH + step.startMs * scale;
  const width = Math.max(1.5, step.durationMs * scale);
  const before = step.previous && Math.min(WIDTH - NUMBERS_WIDTH - x, Math.max(1.5, step.previous.durationMs * scale));
  const right = WIDTH - NUMBERS_WIDTH;
  const why = step.explanation === undefined ? '' : `\n${step.explanation}`;
  const number = (at: number, text: string): string =>
    text === '' ? '' : `<text x="${at}" y="${y + 15}" text-anchor="end">${escapeXml(text)}</text>`;
  return `<g><title>${escapeXml(`${label}\n${step.status}, ${timeText(step.durationMs)}${why}`)}</title>
<text x="12" y="${y + 15}">${escapeXml(shown)}</text>
<rect class="${step.status}" x="${round(x)}" y="${y + 4}" width="${round(Math.min(width, right - x))}" height="14" rx="2"/>${
    before === undefined || before <= 0
      ? ''
      : `<rect class="before" x="${round(x)}" y="${y + 2}" width="${round(before)}" height="18" rx="3"/>`
  }
${number(right + 70, timeText(step.durationMs))}${isCompared ? number(right + 138, changeText(step.durationMs, step.previous?.durationMs)) : ''}${number(right + 202, sizeText(step.sizeBytes))}</g>`;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Names of steps come from Dockerfiles: hostile text. */
export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
