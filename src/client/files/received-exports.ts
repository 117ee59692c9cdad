import type { BuildEvent, BuildSettings } from '../types.ts';
import { isLadingError } from '../../errors/index.ts';
import { receiveExport, type ReceiveOptions } from './receive-exports.ts';

/** The outputs a running build sends, received beside its events. The first that cannot be written ends the build. */
export class ReceivedExports {
  readonly #outputs: NonNullable<BuildSettings['outputs']>;
  readonly #options: ReceiveOptions;
  readonly #abort = new AbortController();
  readonly #running: Promise<void>[] = [];
  #failure: unknown;

  constructor(outputs: NonNullable<BuildSettings['outputs']>, options: ReceiveOptions) {
    this.#outputs = outputs;
    this.#options = options;
  }

  /** Ends the build when an output cannot be written. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  begin(event: Extract<BuildEvent, { kind: 'export' }>): void {
    const work = receiveExport(event, this.#outputs, this.#options).catch((error: unknown) => {
      this.#failure ??= error;
      // When the stream broke off, the daemon is about to say why.
      if (!isLadingError(error, 'unavailable')) this.#abort.abort(error);
    });
    this.#running.push(work);
  }

  /**
   * Follows a build to its end and waits until all is written or taken back.
   * @throws what made writing an output impossible; else the build's own error, of which an output that breaks off is a consequence
   */
  async around<T>(follow: () => Promise<T>): Promise<T> {
    try {
      const result = await follow();
      await Promise.all(this.#running);
      if (this.#failure !== undefined) throw this.#failure;
      return result;
    } catch (error) {
      await Promise.all(this.#running);
      throw this.#abort.signal.aborted ? this.#failure : error;
    }
  }
}
