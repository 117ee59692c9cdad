import type { LogFile } from './log-files.ts';

const BLOCK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
const MAX_LINE_BYTES = 1 << 20;

/** Reads one file forward, line by line, and can go on when it has grown. */
export class LineReader {
  readonly #file: LogFile;
  readonly #block = Buffer.allocUnsafe(BLOCK_BYTES);
  #offset: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: LogFile, offset: number) {
    this.#file = file;
    this.#offset = offset;
  }

  get inode(): number {
    return this.#file.inode;
  }

  /** The whole lines that are there by now, without newline. A line being written waits for the next call. */
  *lines(): Generator<Buffer> {
    for (;;) {
      const size = this.#file.read(this.#block, this.#offset);
      if (size === 0) return;
      this.#offset += size;
      let data = Buffer.concat([this.#rest, this.#block.subarray(0, size)]);
      for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE)) {
        yield data.subarray(0, at);
        data = data.subarray(at + 1);
      }
      this.#rest = data.length > MAX_LINE_BYTES ? Buffer.alloc(0) : data;
    }
  }

  close(): void {
    this.#file.close();
  }
}
