import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildRecord, RecordedStep } from '../../../client/index.ts';
import { profileOf } from './profile.ts';
import { renderProfile } from './render.ts';

function step(number: number, changes: Partial<RecordedStep>): RecordedStep {
  return { step: number, stage: 'app', name: `RUN ${number}`, status: 'done', startMs: 0, durationMs: 10, ...changes };
}
function build(steps: RecordedStep[], changes: Partial<BuildRecord> = {}): BuildRecord {
  return {
    id: 'aaaaaaaaaaaa',
    name: 'my/app',
    status: 'completed',
    startedAt: '2026-01-01T00:00:00Z',
    durationMs: 100,
    context: '/src',
    dockerfile: 'Dockerfile',
    platforms: [],
    tags: [],
    buildArgNames: [],
    warnings: [],
    steps,
    ...changes,
  };
}

test('totals add up: busy and idle are the wall clock, layers the steps’ bytes', () => {
  const { totals } = profileOf(
    build([
      step(1, { startMs: 10, durationMs: 40, sizeBytes: 100 }),
      step(2, { startMs: 20, durationMs: 10, sizeBytes: 20, status: 'cached' }),
      step(3, { startMs: 70, durationMs: 20 }),
    ]),
    null,
  );
  assert.deepEqual(totals, {
    wallMs: 100,
    busyMs: 60,
    idleMs: 40,
    stepsMs: 70,
    cached: 1,
    ran: 2,
    failed: 0,
    layerBytes: 120,
    newLayerBytes: 100,
  });
});

test('steps are compared with the same instruction of the same stage, wherever it stands', () => {
  const before = build([step(1, { name: 'RUN a', durationMs: 5 }), step(2, { name: 'RUN a', durationMs: 7 })], {
    id: 'bbbbbbbbbbbb',
  });
  const { steps, compared } = profileOf(
    build([
      step(1, { name: 'RUN new' }),
      step(2, { name: 'RUN a' }),
      step(3, { name: 'RUN a' }),
      step(4, { name: 'RUN a', stage: 'x' }),
    ]),
    before,
  );
  assert.deepEqual(
    steps.map(({ previous }) => previous?.durationMs),
    [undefined, 5, 7, undefined],
  );
  assert.equal(compared?.id, 'bbbbbbbbbbbb');
});

test('every format shows hostile names as text', () => {
  const name = 'RUN echo "</text><script>alert(1)</script>\u001b[2J&\'"';
  const profile = profileOf(
    build([step(1, { name, explanation: '<b>because</b>' })], { name: '<i>', error: '<u>' }),
    null,
  );
  for (const format of ['svg', 'html'] as const) {
    const text = renderProfile(profile, format);
    assert.doesNotMatch(text, /<script|<b>|<i>|<u>|\u001b/);
    assert.match(text, /&lt;script&gt;/);
  }
  assert.doesNotMatch(renderProfile(profile, 'text'), /\u001b/);
  assert.deepEqual(JSON.parse(renderProfile(profile, 'json')), JSON.parse(JSON.stringify(profile)));
});

test('a build without steps has a profile', () => {
  const profile = profileOf(build([], { durationMs: 0 }), null);
  for (const format of ['text', 'svg', 'html', 'json'] as const)
    assert.match(renderProfile(profile, format), /aaaaaaaaaaaa/);
});
