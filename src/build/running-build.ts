import { toLadingError } from '../errors/index.ts';
import type { BuildEvent, BuildResult, RunningBuild } from './build-options.ts';

type Work = (onEvent: (event: BuildEvent) => void, signal: AbortSignal) => Promise<BuildResult>;

/** Events wait here for a slow reader; output beyond this is dropped from the iteration (never from `onEvent`). */
const MAX_WAITING = 100_000;

/** Runs `work` at once and hands out its events and its result. */
export function runBuild(
  work: Work,
  options: { onEvent?: (event: BuildEvent) => void; signal?: AbortSignal } = {},
): RunningBuild {
  const abort = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, abort.signal]) : abort.signal;
  const events = new EventQueue();
  const onEvent = (event: BuildEvent): void => {
    events.push(event);
    options.onEvent?.(event);
  };
  const result = Promise.resolve()
    .then(() => work(onEvent, signal))
    .catch((error: unknown) => {
      throw toLadingError(error, 'build');
    })
    .finally(() => events.end());
  // One who only iterates gets the error there.
  result.catch(() => undefined);
  return {
    result,
    // Awaiting the build itself is what it is for.
    // oxlint-disable-next-line unicorn/no-thenable, promise/no-callback-in-promise
    then: (done, failed) => result.then(done, failed),
    cancel: () => abort.abort(),
    async *[Symbol.asyncIterator]() {
      yield* events;
      await result;
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
      await result.catch(() => undefined);
    },
  };
}

/** Remembers every event for whoever iterates, also later. */
class EventQueue implements AsyncIterable<BuildEvent> {
  readonly #events: BuildEvent[] = [];
  #ended = false;
  #changed = Promise.withResolvers<void>();

  push(event: BuildEvent): void {
    if (this.#events.length < MAX_WAITING) this.#events.push(event);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<BuildEvent> {
    for (let at = 0; ; at++) {
      while (at >= this.#events.length) {
        if (this.#ended) return;
        await this.#changed.promise;
      }
      yield this.#events[at]!;
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
