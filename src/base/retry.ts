import { setTimeout as sleep } from 'node:timers/promises';

export interface RetryOptions {
  /** Attempts in all; default 4. */
  readonly attempts?: number;
  /** First delay; doubles each time, with jitter. Default 250. */
  readonly baseDelayMs?: number;
  readonly maxDelayMs?: number;
  readonly signal?: AbortSignal;
  /** `false` to give up, `true` to wait the usual time, a number of milliseconds to wait that long (Retry-After). */
  readonly shouldRetry: (error: unknown, attempt: number) => boolean | number;
  readonly onRetry?: (error: unknown, delayMs: number) => void;
}

/** Repeats idempotent work with exponential back-off and jitter, at one level only. */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { attempts = 4, baseDelayMs = 250, maxDelayMs = 10_000, signal, shouldRetry, onRetry } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      signal?.throwIfAborted();
      return await work(attempt);
    } catch (error) {
      if (attempt >= attempts || signal?.aborted) throw error;
      const verdict = shouldRetry(error, attempt);
      if (verdict === false) throw error;
      const usual = Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1)) * (0.5 + Math.random());
      const delayMs = typeof verdict === 'number' ? Math.min(verdict, 60_000) : usual;
      onRetry?.(error, delayMs);
      await sleep(delayMs, undefined, signal ? { signal } : {});
    }
  }
}
