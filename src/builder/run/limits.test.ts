import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLimits } from './limits.ts';

const MIB = 1 << 20;

test('limits a step can run with pass', () => {
  checkLimits({});
  checkLimits({
    limits: {
      memoryBytes: 6 * MIB,
      memorySwapBytes: -1,
      cpuQuotaUs: -1,
      cpuPeriodUs: 1000,
      cpusetCpus: '0-1,3',
      pids: 1,
    },
    ulimits: [
      { Name: 'nofile', Soft: 1, Hard: 2 },
      { Name: 'core', Soft: -1, Hard: -1 },
    ],
    shmSizeBytes: 0,
  });
});

test('others are told apart', () => {
  for (const [limits, reason] of [
    [{ memoryBytes: 6 * MIB - 1 }, /Minimum memory limit allowed is 6MB/],
    [{ memorySwapBytes: 8 * MIB }, /always set the Memory limit/],
    [{ memoryBytes: 8 * MIB, memorySwapBytes: 7 * MIB }, /memoryswap limit should be larger/],
    [{ cpuPeriodUs: 999 }, /cfs period/],
    [{ cpuQuotaUs: 999 }, /cfs quota/],
    [{ cpuShares: 1 }, /cpu-shares 1/],
    [{ cpusetCpus: '1;2' }, /Invalid value 1;2 for cpuset-cpus/],
    [{ pids: 0 }, /pids 0/],
    [{ timeoutMs: 0 }, /timeout 0 ms/],
  ] as const)
    assert.throws(() => checkLimits({ limits }), reason);
  assert.throws(() => checkLimits({ ulimits: [{ Name: 'files', Soft: 1, Hard: 1 }] }), /invalid ulimit type: files/);
  assert.throws(() => checkLimits({ ulimits: [{ Name: 'nofile', Soft: 2, Hard: 1 }] }), /soft limit must be less/);
  assert.throws(() => checkLimits({ ulimits: [{ Name: 'nofile', Soft: -1, Hard: 1 }] }), /soft limit must be less/);
});
