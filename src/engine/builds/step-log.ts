import { createReadStream, createWriteStream, existsSync, type WriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';

/** One piece of a step's output: milliseconds since the step's start, stream, text. */
export type LogPiece = readonly [ms: number, stream: 'stdout' | 'stderr', text: string];

/** A step that prints without end must not fill the disk. */
const MAX_BYTES = 64 << 20;

/** A log being written; ended once, under the name it then gets. */
export class StepLogWriter {
  readonly #path: string;
  readonly #startedMs = performance.now();
  #file: WriteStream | undefined;
  #bytes = 0;
  #isFull = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Bytes of text so far. */
  get bytes(): number {
    return this.#bytes;
  }

  write(stream: 'stdout' | 'stderr', text: string): void {
    if (this.#isFull) return;
    this.#bytes += Buffer.byteLength(text);
    this.#isFull = this.#bytes > MAX_BYTES;
    const shown = this.#isFull ? `${text}\n[the log is longer than ${MAX_BYTES >> 20} MiB and ends here]\n` : text;
    this.#file ??= createWriteStream(this.#path, { mode: 0o600 }).on('error', () => (this.#isFull = true));
    const piece: LogPiece = [Math.round(performance.now() - this.#startedMs), stream, shown];
    this.#file.write(`${JSON.stringify(piece)}\n`);
  }

  /** Whether there is a log now. What a full disk kept from being written is lost, not the build. */
  async end(path: string): Promise<boolean> {
    if (!this.#file) return false;
    this.#file.end();
    const isWritten = await finished(this.#file).then(
      () => true,
      () => false,
    );
    if (isWritten) await rename(this.#path, path);
    else await rm(this.#path, { force: true });
    return isWritten;
  }
}

/** Logs of steps as files: by cache key, so that a cached step shows what the run printed that made it. */
export class StepLogs {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#folder))
      if (name.endsWith(PARTIAL)) await rm(join(this.#folder, name), { force: true });
  }

  begin(buildId: string, step: number): StepLogWriter {
    return new StepLogWriter(`${this.pathOf(failedLogName(buildId, step))}${PARTIAL}`);
  }

  has(name: string): boolean {
    return existsSync(this.pathOf(name));
  }

  /** The pieces of a log, in order; nothing when there is none. */
  async *read(name: string): AsyncGenerator<LogPiece> {
    if (!this.has(name)) return;
    const lines = createInterface({ input: createReadStream(this.pathOf(name)), crlfDelay: Number.POSITIVE_INFINITY });
    for await (const line of lines) yield JSON.parse(line) as LogPiece;
  }

  /** Deletes what nothing refers to any more. */
  async keepOnly(names: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#folder))
      if (!name.endsWith(PARTIAL) && !names.has(name)) await rm(this.pathOf(name), { force: true });
  }

  pathOf(name: string): string {
    return join(this.#folder, name);
  }
}

const PARTIAL = '.partial';

/** The log of a step that made no result. */
export function failedLogName(buildId: string, step: number): string {
  return `${buildId}-${step}`;
}
