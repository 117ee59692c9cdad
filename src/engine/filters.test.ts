import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesLabels, parseUntil } from './filters.ts';

test('matchesLabels() wants every label and none of the negated', () => {
  const labels = { env: 'prod', team: 'a' };
  assert.ok(matchesLabels(labels, { label: ['env', 'team=a'] }));
  assert.ok(!matchesLabels(labels, { label: ['env=dev'] }));
  assert.ok(!matchesLabels(labels, { 'label!': ['team'] }));
});

test('parseUntil() reads durations, Unix times and dates', () => {
  const now = 1_000_000_000_000;
  assert.equal(parseUntil('1h30m', now), now - 5_400_000);
  assert.equal(parseUntil('1700000000', now), 1_700_000_000_000);
  assert.equal(parseUntil('2024-01-01T00:00:00Z', now), Date.UTC(2024, 0, 1));
  assert.throws(() => parseUntil('yesterday', now), /invalid filter 'until=yesterday'/);
});
