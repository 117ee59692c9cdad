import type { Profile, ProfileStep } from './profile.ts';
import { escapeXml, PROFILE_STYLE, renderSvg } from './svg.ts';
import { changeText, labelOf, sizeText, timeText } from './words.ts';

const PAGE_STYLE = `
body { margin: 0; } main { max-width: 1224px; margin: 0 auto; padding: 12px; } svg { max-width: 100%; height: auto; }
.profile table { border-collapse: collapse; width: 100%; margin-top: 16px; }
.profile th { text-align: left; color: var(--dim); font-weight: 500; }
.profile th, .profile td { padding: 4px 8px; border-bottom: 1px solid var(--line); vertical-align: top; }
.profile td.n, .profile th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.profile .why { color: var(--dim); } .profile pre { white-space: pre-wrap; color: var(--failed); }
`;

/** The chart and a table of everything, in one page that fetches nothing and runs no script. */
export function renderHtml(profile: Profile): string {
  const { steps, totals, compared, error } = profile;
  const change = compared ? '<th class="n">change</th>' : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeXml(`Build ${profile.id} of ${profile.name}`)}</title>
<style>${PROFILE_STYLE}${PAGE_STYLE}</style>
</head>
<body class="profile"><main>
${renderSvg(profile)}
<table>
<thead><tr><th class="n">#</th><th>step</th><th>status</th><th class="n">starts</th><th class="n">time</th>${change}<th class="n">layer</th></tr></thead>
<tbody>
${steps.map((step) => row(step, compared !== undefined)).join('\n')}
<tr><td></td><td>outside the steps: context, Dockerfile, export</td><td></td><td></td><td class="n">${timeText(totals.idleMs)}</td>${compared ? '<td></td>' : ''}<td></td></tr>
<tr><th></th><th>together</th><th></th><th></th><th class="n">${timeText(totals.wallMs)}</th>${compared ? `<th class="n">${changeText(totals.wallMs, compared.wallMs)}</th>` : ''}<th class="n">${sizeText(totals.layerBytes)}</th></tr>
</tbody>
</table>
${error === undefined ? '' : `<pre>${escapeXml(error)}</pre>`}
</main></body>
</html>
`;
}

function row(step: ProfileStep, isCompared: boolean): string {
  const why = step.explanation === undefined ? '' : `<br><span class="why">${escapeXml(step.explanation)}</span>`;
  const change = isCompared ? `<td class="n">${changeText(step.durationMs, step.previous?.durationMs)}</td>` : '';
  return `<tr><td class="n">${step.step}</td><td>${escapeXml(labelOf(step))}${why}</td><td>${step.status}</td><td class="n">${timeText(step.startMs)}</td><td class="n">${timeText(step.durationMs)}</td>${change}<td class="n">${sizeText(step.sizeBytes)}</td></tr>`;
}
