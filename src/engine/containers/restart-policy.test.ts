import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerRecord } from './container-record.ts';
import { nextDelayMs, shouldRestart, shouldStartAtBoot } from './restart-policy.ts';

function ended(policy: string, state: Partial<ContainerRecord> = {}, retries = 0): ContainerRecord {
  const hostConfig = { RestartPolicy: { Name: policy, MaximumRetryCount: retries } };
  return { hostConfig, exitCode: 1, restartCount: 0, stoppedByUser: false, ...state } as ContainerRecord;
}

const ROWS = [
  { name: 'no', record: ended('no'), restart: false, boot: false },
  { name: 'always', record: ended('always', { exitCode: 0 }), restart: true, boot: true },
  { name: 'always, stopped by the user', record: ended('always', { stoppedByUser: true }), restart: false, boot: true },
  {
    name: 'unless-stopped, stopped by the user',
    record: ended('unless-stopped', { stoppedByUser: true }),
    restart: false,
    boot: false,
  },
  { name: 'on-failure, failed', record: ended('on-failure'), restart: true, boot: false },
  { name: 'on-failure, succeeded', record: ended('on-failure', { exitCode: 0 }), restart: false, boot: false },
  {
    name: 'on-failure:2, twice restarted',
    record: ended('on-failure', { restartCount: 2 }, 2),
    restart: false,
    boot: false,
  },
];
for (const { name, record, restart, boot } of ROWS)
  test(`restart policy ${name}`, () => {
    assert.equal(shouldRestart(record), restart);
    assert.equal(shouldStartAtBoot(record), boot);
  });

test('nextDelayMs() doubles from 100 ms to a minute and begins anew after ten good seconds', () => {
  assert.equal(nextDelayMs(0, 5), 100);
  assert.equal(nextDelayMs(100, 5), 200);
  assert.equal(nextDelayMs(50_000, 5), 60_000);
  assert.equal(nextDelayMs(50_000, 10_001), 100);
});
