import { randomBytes } from 'node:crypto';
import { LadingError } from '../../errors/index.ts';
import type { StepTerminal, TerminalSize } from '../types.ts';

/** A client that does not come for its shell within this time has gone. */
const WAIT_MS = 60_000;

interface KeptStep {
  readonly open: (size: TerminalSize) => Promise<StepTerminal>;
  readonly banner: string;
  readonly done: () => void;
  terminal?: Promise<StepTerminal>;
}

/** Steps of `--on-error shell` that failed and wait, with all they had, for somebody to look at them. */
export class FailedSteps {
  readonly #kept = new Map<string, KeptStep>();
  readonly #waitMs: number;

  constructor(waitMs = WAIT_MS) {
    this.#waitMs = waitMs;
  }

  /**
   * Offers a failed step under a new name and returns when the shell in it was left, when nobody came for it, or when `signal` says so.
   * Whatever was opened is closed then.
   */
  async offer(
    step: { readonly open: KeptStep['open']; readonly banner: string; readonly announce: (id: string) => void },
    signal: AbortSignal,
  ): Promise<void> {
    if (signal.aborted) return;
    const id = randomBytes(16).toString('hex');
    const { promise: left, resolve } = Promise.withResolvers<void>();
    const done = (): void => resolve();
    const kept: KeptStep = { open: step.open, banner: step.banner, done };
    const giveUp = setTimeout(() => {
      if (!kept.terminal) done();
    }, this.#waitMs);
    signal.addEventListener('abort', done, { once: true });
    this.#kept.set(id, kept);
    try {
      step.announce(id);
      await left;
    } finally {
      clearTimeout(giveUp);
      signal.removeEventListener('abort', done);
      this.#kept.delete(id);
      await kept.terminal?.then(
        (terminal) => terminal.close(),
        () => undefined,
      );
    }
  }

  /** Opens the shell, once. The step is released when its process ends or `leave` is called. @throws not_found, conflict */
  async open(id: string, size: TerminalSize): Promise<{ terminal: StepTerminal; banner: string; leave: () => void }> {
    const kept = this.#find(id);
    if (kept.terminal) throw new LadingError('conflict', 'the failed step has a shell already');
    kept.terminal = kept.open(size);
    try {
      const terminal = await kept.terminal;
      void terminal.ended.then(kept.done, kept.done);
      return { terminal, banner: kept.banner, leave: kept.done };
    } catch (error) {
      kept.done();
      throw error;
    }
  }

  async resize(id: string, size: TerminalSize): Promise<void> {
    const terminal = await this.#find(id).terminal;
    if (!terminal) throw new LadingError('conflict', 'the failed step has no shell yet');
    await terminal.resize(size);
  }

  #find(id: string): KeptStep {
    const kept = this.#kept.get(id);
    if (kept) return kept;
    throw new LadingError('not_found', `no failed step "${id.slice(0, 64)}" is kept`, {
      hint: 'it is released when its build ends or its shell is left',
    });
  }
}
