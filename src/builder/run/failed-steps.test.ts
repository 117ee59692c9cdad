import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StepTerminal } from '../types.ts';
import { FailedSteps } from './failed-steps.ts';

const SIZE = { rows: 24, columns: 80 };

function terminal(): StepTerminal & { closed: number; leave: () => void } {
  const { promise: ended, resolve: leave } = Promise.withResolvers<void>();
  const made = {
    attachment: undefined as never,
    ended,
    leave: () => leave(),
    resize: async () => undefined,
    closed: 0,
    close: async () => void made.closed++,
  };
  return made;
}

/** Offers a step; its id, and the end of the offer. */
function offer(steps: FailedSteps, open: () => Promise<StepTerminal>, signal = new AbortController().signal) {
  let id = '';
  const over = steps.offer({ open, banner: 'failed', announce: (name) => void (id = name) }, signal);
  return { id, over };
}

test('a step is kept until its shell has ended, and opened once', async () => {
  const steps = new FailedSteps();
  const shell = terminal();
  const { id, over } = offer(steps, async () => shell);
  const { banner } = await steps.open(id, SIZE);
  assert.equal(banner, 'failed');
  await assert.rejects(steps.open(id, SIZE), { code: 'conflict' });
  shell.leave();
  await over;
  assert.equal(shell.closed, 1);
  await assert.rejects(steps.open(id, SIZE), { code: 'not_found' });
});

test('the client that leaves, the end of the build and a shell that cannot start release it', async () => {
  const steps = new FailedSteps();
  const left = terminal();
  const first = offer(steps, async () => left);
  (await steps.open(first.id, SIZE)).leave();
  await first.over;
  assert.equal(left.closed, 1);

  const cancelled = terminal();
  const build = new AbortController();
  const second = offer(steps, async () => cancelled, build.signal);
  await steps.open(second.id, SIZE);
  build.abort();
  await second.over;
  assert.equal(cancelled.closed, 1);

  const third = offer(steps, () => Promise.reject(new Error('no such shell')));
  await assert.rejects(steps.open(third.id, SIZE), /no such shell/);
  await third.over;
});

test('a step nobody comes for is released', async () => {
  const { over } = offer(new FailedSteps(1), async () => terminal());
  await over;
});
