import type { FileHandle } from 'node:fs/promises';

const BLOCK_BYTES = 1 << 20;

/**
 * Appends to a file in blocks of 1 MiB: small chunks are gathered, and one block is being written while the next one fills.
 * Calls must not overlap. The first failure is final: it is thrown again by every later call.
 */
export class BlockFile {
  readonly #file: FileHandle;
  #position: number;
  /** The block being filled, and the other one: being written, or free once `#writing` has settled. */
  #block: Buffer | undefined;
  #other: Buffer | undefined;
  #filled = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  /** Takes all of `chunk`; the caller may reuse its memory afterwards. */
  async append(chunk: Uint8Array): Promise<void> {
    if (this.#filled === 0 && chunk.length >= BLOCK_BYTES) {
      await this.#startWrite(chunk);
      return this.#writing;
    }
    for (let taken = 0; taken < chunk.length;) {
      this.#block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
      const part = chunk.subarray(taken, taken + BLOCK_BYTES - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      taken += part.length;
      if (this.#filled === BLOCK_BYTES) await this.#startBlock();
    }
  }

  /** Everything appended has reached the file (not yet the disk). */
  async flush(): Promise<void> {
    if (this.#filled > 0) await this.#startBlock();
    await this.#writing;
  }

  async #startBlock(): Promise<void> {
    const [full, filled] = [this.#block as Buffer, this.#filled];
    await this.#writing;
    [this.#block, this.#other] = [this.#other, full];
    this.#filled = 0;
    await this.#startWrite(full.subarray(0, filled));
  }

  async #startWrite(bytes: Uint8Array): Promise<void> {
    await this.#writing;
    this.#writing = this.#writeAll(bytes);
    this.#writing.catch(() => undefined);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#position);
      done += bytesWritten;
      this.#position += bytesWritten;
    }
  }
}
