import { LadingError } from '../errors/index.ts';

export type FrameStream = 'stdin' | 'stdout' | 'stderr' | 'system';

const HEADER_BYTES = 8;
const STREAMS: readonly FrameStream[] = ['stdin', 'stdout', 'stderr', 'system'];

/**
 * Takes apart Docker's multiplexed stream ({type, 0, 0, 0, big-endian length} payload…). Payloads are handed on as they
 * arrive, so a frame of any announced length costs no memory.
 */
export class Demultiplexer {
  readonly #onPayload: (stream: FrameStream, payload: Buffer) => void;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerFill = 0;
  #remaining = 0;
  #stream: FrameStream = 'stdout';

  constructor(onPayload: (stream: FrameStream, payload: Buffer) => void) {
    this.#onPayload = onPayload;
  }

  /** @throws internal when the bytes are no frames */
  write(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining === 0) at += this.#takeHeader(chunk, at);
      else {
        const payload = chunk.subarray(at, at + this.#remaining);
        at += payload.length;
        this.#remaining -= payload.length;
        this.#onPayload(this.#stream, payload);
      }
    }
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#header, this.#headerFill, at);
    this.#headerFill += taken;
    if (this.#headerFill < HEADER_BYTES) return taken;
    const stream = STREAMS[this.#header[0] ?? 255];
    if (stream === undefined)
      throw new LadingError('internal', `read container output: unknown stream ${this.#header[0]}`);
    this.#stream = stream;
    this.#remaining = this.#header.readUInt32BE(4);
    this.#headerFill = 0;
    return taken;
  }
}
