import { LadingError } from '../../errors/index.ts';

export interface ResponseHead {
  readonly statusCode: number;
  readonly statusMessage: string;
  /** Lower-case names; of repeated ones the last. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ParserEvents {
  onHead(head: ResponseHead): void;
  onBody(chunk: Buffer): void;
  onEnd(): void;
}

const MAX_HEAD_BYTES = 256 * 1024;
const MAX_SIZE_LINE = 256;
const CRLF = Buffer.from('\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * Parses one HTTP/1.1 response (RFC 9112): bodies by length, by chunks or until the connection ends. 100s are skipped;
 * 101 ends at its head.
 */
export class ResponseParser {
  readonly #events: ParserEvents;
  readonly #withoutBody: boolean;
  #state: 'head' | 'fixed' | 'size' | 'data' | 'data-end' | 'trailer' | 'until-close' | 'done' = 'head';
  #pending: Buffer = Buffer.alloc(0);
  #remaining = 0;

  /** `withoutBody`: the answer to HEAD. */
  constructor(events: ParserEvents, withoutBody: boolean) {
    this.#events = events;
    this.#withoutBody = withoutBody;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /** Takes bytes; returns those after the response's end. @throws unavailable when it is not HTTP */
  write(chunk: Buffer): Buffer {
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = Buffer.alloc(0);
    while (rest.length > 0 && this.#state !== 'done') {
      const next = this.#step(rest);
      if (next === undefined) {
        this.#pending = rest;
        return Buffer.alloc(0);
      }
      rest = next;
    }
    return rest;
  }

  /** The connection ended. @throws unavailable in the middle of a response */
  close(): void {
    if (this.#state === 'done') return;
    if (this.#state !== 'until-close') throw broken('the connection ended in the middle of an answer');
    this.#finish();
  }

  /** What is left after one step; undefined when more bytes are needed. */
  #step(bytes: Buffer): Buffer | undefined {
    switch (this.#state) {
      case 'head':
        return this.#takeHead(bytes);
      case 'fixed':
      case 'data':
        return this.#takeData(bytes);
      case 'size':
        return this.#takeLine(bytes, (line) => this.#startChunk(line));
      case 'data-end':
        return this.#takeLine(bytes, (line) => {
          if (line !== '') throw broken('a chunk is longer than it said');
          this.#state = 'size';
        });
      case 'trailer':
        return this.#takeLine(bytes, (line) => {
          if (line === '') this.#finish();
        });
      case 'until-close':
        this.#events.onBody(bytes);
        return Buffer.alloc(0);
      case 'done':
        return bytes;
    }
  }

  #takeHead(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) {
      if (bytes.length > MAX_HEAD_BYTES) throw broken('the headers are too long');
      return undefined;
    }
    const head = parseHead(bytes.toString('latin1', 0, end));
    if (head.statusCode >= 200 || head.statusCode === 101) this.#startBody(head);
    return bytes.subarray(end + HEAD_END.length);
  }

  #startBody(head: ResponseHead): void {
    this.#events.onHead(head);
    const { statusCode, headers } = head;
    const length = headers['content-length'];
    if (statusCode === 101) this.#state = 'done';
    else if (this.#withoutBody || statusCode === 204 || statusCode === 304) this.#finish();
    else if (/\bchunked\b/i.test(headers['transfer-encoding'] ?? '')) this.#state = 'size';
    else if (length === undefined) this.#state = 'until-close';
    else {
      if (!/^\d{1,15}$/.test(length)) throw broken('the content length is not a number');
      this.#remaining = Number(length);
      this.#state = 'fixed';
      if (this.#remaining === 0) this.#finish();
    }
  }

  #takeData(bytes: Buffer): Buffer {
    const data = bytes.subarray(0, this.#remaining);
    this.#remaining -= data.length;
    this.#events.onBody(data);
    if (this.#remaining === 0) {
      if (this.#state === 'fixed') this.#finish();
      else this.#state = 'data-end';
    }
    return bytes.subarray(data.length);
  }

  #startChunk(line: string): void {
    const size = line.split(';', 1)[0]?.trim() ?? '';
    if (!/^[0-9a-fA-F]{1,12}$/.test(size)) throw broken('a chunk size is not a number');
    this.#remaining = Number.parseInt(size, 16);
    this.#state = this.#remaining === 0 ? 'trailer' : 'data';
  }

  #takeLine(bytes: Buffer, use: (line: string) => void): Buffer | undefined {
    const end = bytes.indexOf(CRLF);
    if (end < 0) {
      if (bytes.length > MAX_SIZE_LINE) throw broken('a chunk header is too long');
      return undefined;
    }
    use(bytes.toString('latin1', 0, end));
    return bytes.subarray(end + CRLF.length);
  }

  #finish(): void {
    this.#state = 'done';
    this.#events.onEnd();
  }
}

function parseHead(text: string): ResponseHead {
  const [first = '', ...lines] = text.split('\r\n');
  const match = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(first);
  if (match === null) throw broken(`not HTTP: "${first.slice(0, 60)}"`);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { statusCode: Number(match[1]), statusMessage: match[2] ?? '', headers };
}

function broken(why: string): LadingError {
  return new LadingError('unavailable', `read the daemon's answer: ${why}`);
}
