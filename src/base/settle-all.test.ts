import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { settleAll } from './settle-all.ts';

test('settleAll() gives all values in order', async () => {
  assert.deepEqual(await settleAll([sleep(5, 'a'), Promise.resolve('b')]), ['a', 'b']);
  assert.deepEqual(await settleAll([]), []);
});

test('settleAll() waits for the others before it throws what failed first', async () => {
  let ended = false;
  const slow = sleep(20).then(() => {
    ended = true;
    throw new Error('second');
  });
  await assert.rejects(settleAll([slow, Promise.reject(new Error('first'))]), /first/);
  assert.ok(ended);
});
