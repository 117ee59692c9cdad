import type { ContainerRecord } from './container-record.ts';

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
/** A run this long makes the next failure count as the first (Docker's rule). */
const STABLE_MS = 10_000;

/** Whether a container that has just ended is to be started again. */
export function shouldRestart(record: ContainerRecord): boolean {
  const { Name: name = 'no', MaximumRetryCount: limit = 0 } = record.hostConfig.RestartPolicy ?? {};
  if (record.stoppedByUser) return false;
  if (name === 'always' || name === 'unless-stopped') return true;
  return name === 'on-failure' && record.exitCode !== 0 && (limit === 0 || record.restartCount < limit);
}

/** Delay before the next start: doubles from 100 ms to a minute, and begins anew after a stable run. */
export function nextDelayMs(previousMs: number, ranForMs: number): number {
  if (previousMs === 0 || ranForMs > STABLE_MS) return FIRST_DELAY_MS;
  return Math.min(LONGEST_DELAY_MS, previousMs * 2);
}

/** Whether a container that was running before the machine went down is started when the daemon comes up. */
export function shouldStartAtBoot(record: ContainerRecord): boolean {
  const name = record.hostConfig.RestartPolicy?.Name ?? 'no';
  return name === 'always' || (name === 'unless-stopped' && !record.stoppedByUser);
}
