import { PassThrough, pipeline, type Readable, type Writable } from 'node:stream';
import type { Attachment } from '../../runtime/index.ts';

/**
 * A client's streams made before the container is created in the runtime; `connect` joins them to the real ones
 * before the program starts, so that nothing it writes is lost.
 */
export class PendingAttachment implements Attachment {
  readonly stdin: Writable | undefined;
  readonly stdout = new PassThrough();
  readonly stderr: PassThrough | undefined;
  #real: Attachment | undefined;
  #detached = false;
  readonly #stdinPipe: PassThrough | undefined;

  constructor(options: { stdin: boolean; tty: boolean }) {
    this.#stdinPipe = options.stdin ? new PassThrough() : undefined;
    this.stdin = this.#stdinPipe;
    this.stderr = options.tty ? undefined : new PassThrough();
  }

  get wantsStdin(): boolean {
    return this.stdin !== undefined;
  }

  connect(real: Attachment): void {
    if (this.#detached) return real.detach();
    this.#real = real;
    const ignore = (): void => undefined;
    pipeline(real.stdout as Readable, this.stdout, ignore);
    if (real.stderr && this.stderr) pipeline(real.stderr, this.stderr, ignore);
    else this.stderr?.end();
    if (this.#stdinPipe && real.stdin) pipeline(this.#stdinPipe, real.stdin, ignore);
  }

  /** The start failed: the client sees the end of its streams. */
  end(): void {
    if (this.#real) return;
    this.stdout.end();
    this.stderr?.end();
  }

  detach(): void {
    this.#detached = true;
    this.#real?.detach();
    this.end();
  }
}
