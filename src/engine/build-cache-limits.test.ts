import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { SILENT_LOG } from '../base/index.ts';
import { BuildCacheLimits, defaultPolicy } from './build-cache-limits.ts';
import type { BuildCachePolicy, BuildEngine } from './types.ts';

type Asked = Parameters<BuildEngine['prune']>[0];

/** What is pruned when a build has ended. */
async function asked(policy: BuildCachePolicy, answer = async (): Promise<void> => undefined): Promise<Asked[]> {
  const all: Asked[] = [];
  const wanted = policy.maxAgeMs === 0 ? 1 : 2;
  const done = Promise.withResolvers<void>();
  const limits = new BuildCacheLimits(
    policy,
    tmpdir(),
    async (options) => {
      all.push(options);
      if (all.length === wanted) done.resolve();
      await answer();
      return { items: [], deleted: [], spaceReclaimed: 0 };
    },
    SILENT_LOG,
    0,
  );
  limits.enforce();
  limits.enforce();
  if (policy.enabled !== false) await done.promise;
  await limits.close();
  return all;
}

test('BuildCacheLimits lets go what is too old, then what is too much, never what images have', async () => {
  const [old, much, ...more] = await asked({
    maxAgeMs: 3600_000,
    maxUsedBytes: 5e9,
    minFreeBytes: 0,
    reservedBytes: 1e9,
  });
  assert.deepEqual(old, { all: false, filters: { 'unused-for': ['3600s'] } });
  assert.deepEqual(much, { all: false, filters: {}, maxUsedBytes: 5e9, minFreeBytes: 0, reservedBytes: 1e9 });
  assert.deepEqual(more, []);
});

test('BuildCacheLimits takes defaults from the disk, and 0 for no limit', async () => {
  const policy = await defaultPolicy(tmpdir());
  assert.ok(policy.maxUsedBytes <= 100e9 && policy.reservedBytes <= 10e9 && policy.minFreeBytes > 0);
  const [only, ...more] = await asked({ maxAgeMs: 0 });
  assert.deepEqual([only?.maxUsedBytes, more], [policy.maxUsedBytes, []]);
});

test('BuildCacheLimits does nothing when it is switched off', async () => {
  assert.deepEqual(await asked({ enabled: false }), []);
});
