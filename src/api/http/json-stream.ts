import type { ServerResponse } from 'node:http';
import type { ProgressMessage } from '../../engine/index.ts';
import { HTTP_STATUS, toLadingError } from '../../errors/index.ts';

/**
 * A stream of JSON lines. The header leaves with the first line, so a failure before it can still be a status;
 * one after it is a last line in Docker's form.
 */
export class JsonStream {
  readonly #response: ServerResponse;
  readonly #contentType: string;

  constructor(response: ServerResponse, contentType = 'application/json') {
    this.#response = response;
    this.#contentType = contentType;
  }

  get started(): boolean {
    return this.#response.headersSent;
  }

  /** Sends the header now. */
  open(): void {
    if (this.started) return;
    this.#response.writeHead(200, { 'Content-Type': this.#contentType });
    this.#response.flushHeaders();
  }

  /** False when the client reads slower than we write. */
  write(value: unknown): boolean {
    if (this.#response.destroyed || this.#response.writableEnded) return true;
    if (!this.started) this.#response.writeHead(200, { 'Content-Type': this.#contentType });
    return this.#response.write(`${JSON.stringify(value)}\r\n`);
  }

  /** A message that may be lost to a slow client (a progress bar's step), unlike others. */
  progress(message: ProgressMessage): void {
    const transient = message.progressDetail?.current !== undefined;
    if (transient && this.#response.writableNeedDrain) return;
    this.write(message);
  }

  /** Runs work that writes here, then ends the stream; errors go in band once it has begun. */
  async run(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.open();
    } catch (error) {
      if (!this.started) throw error;
      this.write(errorLine(error));
    }
    this.#response.end();
  }
}

/** {"errorDetail":…,"error":…} */
export function errorLine(error: unknown): ProgressMessage {
  const failure = toLadingError(error, 'request failed');
  const message = failure.hint === undefined ? failure.message : `${failure.message}\n${failure.hint}`;
  return { errorDetail: { code: HTTP_STATUS[failure.code], message }, error: message };
}
