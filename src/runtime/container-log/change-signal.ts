import { watch } from 'node:fs';

const FALLBACK_POLL_MS = 250;

/** Tells when something changed in a folder, by inotify; a change between two waits is not lost. */
export class ChangeSignal implements Disposable {
  #changed = true;
  #wake: (() => void) | undefined;
  readonly #close: () => void;

  constructor(folder: string) {
    const note = (): void => {
      this.#changed = true;
      this.#wake?.();
    };
    try {
      const watcher = watch(folder, note);
      watcher.on('error', note);
      this.#close = () => watcher.close();
    } catch {
      // Out of inotify watches, or a file system without.
      const timer = setInterval(note, FALLBACK_POLL_MS);
      this.#close = () => clearInterval(timer);
    }
  }

  /** Resolves at the next change, or when `signal` is aborted. */
  async wait(signal?: AbortSignal): Promise<void> {
    if (!this.#changed && !signal?.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
      this.#wake = undefined;
    }
    this.#changed = false;
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}
