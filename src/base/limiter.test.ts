import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Limiter } from './limiter.ts';

test('no more than the limit run at once, in order', async () => {
  const limiter = new Limiter(2);
  let running = 0;
  let most = 0;
  const order: number[] = [];
  const work = async (i: number): Promise<void> => {
    order.push(i);
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
  };
  await Promise.all([0, 1, 2, 3, 4].map((i) => limiter.run(() => work(i))));
  assert.deepEqual([most, order], [2, [0, 1, 2, 3, 4]]);
});

test('a signal ends the waiting, and the place goes to the next', async () => {
  const limiter = new Limiter(1);
  const { promise: go, resolve: start } = Promise.withResolvers<void>();
  const first = limiter.run(() => go);
  const abort = new AbortController();
  const second = limiter.run(() => 'never', { signal: abort.signal });
  const third = limiter.run(() => 'third');
  abort.abort(new Error('enough'));
  await assert.rejects(second, /enough/);
  start();
  await first;
  assert.equal(await third, 'third');
  assert.equal(await limiter.run(() => 'free'), 'free');
});

test('a place that comes at the moment of the abort is passed on', async () => {
  const limiter = new Limiter(1);
  const { promise: go, resolve: start } = Promise.withResolvers<void>();
  const first = limiter.run(() => go);
  const abort = new AbortController();
  const second = limiter.run(() => 'second', { signal: abort.signal }).catch(() => 'aborted');
  start();
  await first;
  abort.abort(new Error('late'));
  assert.ok(['second', 'aborted'].includes(await second));
  assert.equal(await limiter.run(() => 'free'), 'free');
});
