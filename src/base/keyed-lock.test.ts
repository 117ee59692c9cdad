import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedLock } from './keyed-lock.ts';

test('work of one key runs one after the other, of two at once', async () => {
  const lock = new KeyedLock();
  const order: string[] = [];
  const { promise: go, resolve: start } = Promise.withResolvers<void>();
  const first = lock.run('a', async () => {
    await go;
    order.push('first');
  });
  const second = lock.run('a', () => void order.push('second'));
  await lock.run('b', () => void order.push('other'));
  start();
  await Promise.all([first, second]);
  assert.deepEqual(order, ['other', 'first', 'second']);
  assert.equal(lock.isHeld('a'), false);
});

test('a signal ends the waiting; who waits behind still waits for those before', async () => {
  const lock = new KeyedLock();
  const { promise: go, resolve: start } = Promise.withResolvers<void>();
  const order: string[] = [];
  const holder = lock.run('a', async () => {
    await go;
    order.push('holder');
  });
  const abort = new AbortController();
  const waiter = lock.run('a', () => void order.push('never'), { signal: abort.signal });
  const behind = lock.run('a', () => void order.push('behind'));
  abort.abort(new Error('enough'));
  await assert.rejects(waiter, /enough/);
  assert.deepEqual(order, []);
  start();
  await Promise.all([holder, behind]);
  assert.deepEqual(order, ['holder', 'behind']);
  assert.equal(lock.isHeld('a'), false);
  await assert.rejects(
    lock.run('a', () => undefined, { signal: AbortSignal.abort(new Error('already')) }),
    /already/,
  );
  assert.equal(await lock.run('a', () => 'free'), 'free');
});
