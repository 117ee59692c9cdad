import assert from 'node:assert/strict';
import { test } from 'node:test';
import { releaseAll } from './run-mounts.ts';

test('releaseAll() takes everything down, also after a failure, and tells the first', async () => {
  const done: string[] = [];
  const release = (name: string, error?: Error) => async (): Promise<void> => {
    done.push(name);
    if (error) throw error;
  };
  const all = [release('a'), release('b', new Error('first')), release('c', new Error('second')), release('secret')];
  await assert.rejects(releaseAll(all), /first/);
  assert.deepEqual(done, ['a', 'b', 'c', 'secret']);
});
