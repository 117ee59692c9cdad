import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildSteps } from './build-steps.ts';

test('a line that never ends is shown in pieces, and nothing of it is lost', () => {
  const steps = new BuildSteps(() => 0);
  const { step } = steps.onStep({
    kind: 'step',
    step: 1,
    total: 1,
    stage: 's',
    place: '[1/1]',
    name: 'RUN yes',
    status: 'started',
  });
  let shown = 0;
  for (let i = 0; i < 300; i++) {
    const text = 'y'.repeat(1000);
    for (const line of steps.onOutput({ kind: 'output', step: 1, stream: 'stdout', text })?.lines ?? [])
      shown += line.length;
    assert.ok(step.partial.length <= 65_536);
  }
  assert.equal(shown + step.partial.length, 300_000);
});
