import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { ResponseHead } from './response-parser.ts';

/** An answer: its head, and its body as a stream that holds the connection back when it is not read. */
export class HttpResponse extends Readable implements ResponseHead {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly #socket: Socket;

  constructor(head: ResponseHead, socket: Socket) {
    super();
    this.statusCode = head.statusCode;
    this.statusMessage = head.statusMessage;
    this.headers = head.headers;
    this.#socket = socket;
  }

  override _read(): void {
    this.#socket.resume();
  }

  /** Given up before its end: the connection cannot be used again. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.readableEnded) this.#socket.destroy();
    done(error);
  }
}
