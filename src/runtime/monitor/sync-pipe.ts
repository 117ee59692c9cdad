import type { Readable } from 'node:stream';

/** One message of conmon (API version 1): a pid, an exit status, or a negative number with the runtime's error. */
export interface SyncMessage {
  readonly data: number;
  readonly message?: string;
}

const MAX_LINE_BYTES = 64 * 1024;

/** Reads the JSON lines conmon writes to one of its pipes. */
export class SyncPipe {
  readonly #pipe: Readable;
  readonly #lines: SyncMessage[] = [];
  #waiting: ((message: SyncMessage | undefined) => void)[] = [];
  #rest = '';
  #ended = false;

  constructor(pipe: Readable) {
    this.#pipe = pipe;
    pipe.setEncoding('utf8');
    pipe.on('data', (text: string) => this.#feed(text));
    // Node's pipes are socket pairs: a monitor that dies resets them.
    pipe.on('error', () => this.#end());
    pipe.on('close', () => this.#end());
  }

  /** The next message, undefined when the pipe is closed. */
  next(): Promise<SyncMessage | undefined> {
    const ready = this.#lines.shift();
    if (ready || this.#ended) return Promise.resolve(ready);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#pipe.destroy();
  }

  #feed(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > MAX_LINE_BYTES) return this.close();
    for (const line of lines) this.#deliver(parseMessage(line));
  }

  #deliver(message: SyncMessage): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(message);
    else this.#lines.push(message);
  }

  #end(): void {
    this.#ended = true;
    for (const resolve of this.#waiting) resolve(undefined);
    this.#waiting = [];
  }
}

function parseMessage(line: string): SyncMessage {
  try {
    const { data, message } = JSON.parse(line) as { data?: unknown; message?: unknown };
    return { data: Number(data ?? -1), ...(typeof message === 'string' ? { message } : {}) };
  } catch {
    // conmon escapes little; an error text it made invalid JSON of is still an error text.
    return { data: -1, message: line };
  }
}
