import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesToFree } from './prune-cache.ts';
import { pruneTest } from './prune-filters.ts';
import type { CacheRow } from './cache-rows.ts';

test('bytesToFree() shrinks to the limits and never below what is reserved', () => {
  const rows: [string, Parameters<typeof bytesToFree>[0], number, number, number | undefined][] = [
    ['without limits there is no measure', {}, 100, 10, undefined],
    ['a reserved space alone is the size to keep', { reservedBytes: 30 }, 100, 10, 70],
    ['above the most that is allowed', { maxUsedBytes: 60 }, 100, 10, 40],
    ['below it', { maxUsedBytes: 160 }, 100, 10, 0],
    ['until enough is free', { minFreeBytes: 50 }, 100, 10, 40],
    ['enough is free', { minFreeBytes: 5 }, 100, 10, 0],
    ['the tighter of both', { maxUsedBytes: 80, minFreeBytes: 50 }, 100, 10, 40],
    ['reserved space wins', { maxUsedBytes: 20, minFreeBytes: 90, reservedBytes: 50 }, 100, 10, 50],
  ];
  for (const [name, limits, used, free, expected] of rows)
    assert.equal(bytesToFree(limits, used, free), expected, name);
});

test('pruneTest() wants one value of every filter', () => {
  const row: CacheRow = {
    id: 'abcdef',
    parents: ['feed'],
    type: 'regular',
    description: 'RUN make all',
    inUse: false,
    shared: true,
    sizeBytes: 1,
    createdAt: '2026-01-01T00:00:00Z',
    lastUsedAt: '2026-01-02T00:00:00Z',
    uses: 3,
  };
  const rows: [Record<string, string[]>, boolean][] = [
    [{}, true],
    [{ id: ['abc'] }, true],
    [{ id: ['x', 'abc'] }, true],
    [{ id: ['bcd'] }, false],
    [{ parent: ['fe'] }, true],
    [{ type: ['exec.cachemount'] }, false],
    [{ description: ['make'], shared: ['true'] }, true],
    [{ description: ['make'], private: [''] }, false],
    [{ inuse: ['false'] }, true],
    [{ until: ['2026-01-03T00:00:00Z'] }, true],
    [{ until: ['2026-01-01T12:00:00Z'] }, false],
    [{ 'unused-for': ['1h'] }, true],
  ];
  for (const [filters, expected] of rows) assert.equal(pruneTest(filters)(row), expected, JSON.stringify(filters));
  for (const filters of [{ size: ['1'] }, { until: ['yesterday'] }, { shared: ['maybe'] }])
    assert.throws(() => pruneTest(filters), { code: 'invalid_argument' });
});
