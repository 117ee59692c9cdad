import { retry, type RetryOptions } from '../base/index.ts';
import { LadingError } from '../errors/index.ts';
import { transportFailureOf } from './http/transport-failure.ts';

export interface RetryPolicy {
  /** Attempts in a row without progress. Default 5. */
  readonly attempts?: number;
  /** First delay; doubles each time. Default 500. */
  readonly baseDelayMs?: number;
}

/** A registry that asks for a longer pause than this gets no second request. */
const LONGEST_WAIT_MS = 60_000;
const MAX_ATTEMPTS_IN_ALL = 100;

/** Repeats small requests: what an answering registry says may pass, such as 429, 503 or a dropped connection. */
export async function retryRequest<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const { attempts = 5, baseDelayMs = 500 } = policy;
  return retryUntil(work, signal, {
    attempts,
    baseDelayMs,
    shouldRetry: (error) => {
      const failure = transportFailureOf(error);
      return failure?.phase === 'exchange' ? waitOf(failure.retryAfterMs) : false;
    },
  });
}

/**
 * Repeats a transfer as long as each attempt gets further than the last; only attempts without progress are counted,
 * and a registry that has vanished may come back.
 */
export async function retryTransfer<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  progress: () => number,
  work: () => Promise<T>,
): Promise<T> {
  const { attempts = 5, baseDelayMs = 500 } = policy;
  let [failures, furthest] = [0, progress()];
  return retryUntil(work, signal, {
    attempts: MAX_ATTEMPTS_IN_ALL,
    baseDelayMs,
    maxDelayMs: 5000,
    shouldRetry: (error) => {
      const failure = transportFailureOf(error);
      if (failure === undefined || failure.phase === 'final') return false;
      failures = progress() > furthest ? 1 : failures + 1;
      furthest = Math.max(furthest, progress());
      return failures < attempts && waitOf(failure.retryAfterMs);
    },
  });
}

function waitOf(retryAfterMs: number | undefined): boolean | number {
  if (retryAfterMs === undefined) return true;
  return retryAfterMs <= LONGEST_WAIT_MS && retryAfterMs;
}

async function retryUntil<T>(
  work: () => Promise<T>,
  signal: AbortSignal | undefined,
  options: Omit<RetryOptions, 'signal'>,
): Promise<T> {
  try {
    return await retry(work, signal ? { ...options, signal } : options);
  } catch (error) {
    if (!signal?.aborted || error instanceof LadingError) throw error;
    throw new LadingError('cancelled', 'registry request: cancelled', { cause: error });
  }
}
