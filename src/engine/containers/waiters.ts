import { LadingError } from '../../errors/index.ts';
import type { WaitCondition } from '../types.ts';

export interface WaitResult {
  readonly exitCode: number;
  readonly error?: string;
}

interface Waiter {
  readonly condition: WaitCondition;
  readonly resolve: (result: WaitResult) => void;
}

/** Who waits for a container's end or removal. Stopping to wait stops nothing else. */
export class Waiters {
  readonly #byId = new Map<string, Set<Waiter>>();
  readonly #lastExit = new Map<string, WaitResult>();

  wait(id: string, condition: WaitCondition, signal?: AbortSignal): Promise<WaitResult> {
    if (signal?.aborted) return Promise.reject(new LadingError('cancelled', 'wait: cancelled'));
    const { promise, resolve, reject } = Promise.withResolvers<WaitResult>();
    const waiter: Waiter = { condition, resolve };
    const waiters = this.#byId.get(id) ?? new Set();
    this.#byId.set(id, waiters.add(waiter));
    const abort = (): void => {
      waiters.delete(waiter);
      reject(new LadingError('cancelled', 'wait: cancelled'));
    };
    signal?.addEventListener('abort', abort, { once: true });
    return promise.finally(() => signal?.removeEventListener('abort', abort));
  }

  exited(id: string, result: WaitResult): void {
    this.#lastExit.set(id, result);
    this.#resolve(id, (waiter) => waiter.condition !== 'removed', result);
  }

  removed(id: string, result: WaitResult): void {
    this.#resolve(id, () => true, this.#lastExit.get(id) ?? result);
    this.#lastExit.delete(id);
    this.#byId.delete(id);
  }

  #resolve(id: string, wanted: (waiter: Waiter) => boolean, result: WaitResult): void {
    for (const waiter of this.#byId.get(id) ?? [])
      if (wanted(waiter)) {
        this.#byId.get(id)?.delete(waiter);
        waiter.resolve(result);
      }
  }
}
