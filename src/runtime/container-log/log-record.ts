import type { LogLine } from '../runtime.ts';

/** One physical line of conmon's log: `2026-01-02T03:04:05.123456789+00:00 stdout F text`. */
export interface LogRecord {
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** Without newline at its end: more of the line follows. */
  readonly partial: boolean;
  readonly text: Buffer;
}

const SPACE = 0x20;
/** A line that never ends is given out in pieces. */
const MAX_JOINED_BYTES = 1 << 20;
const NEWLINE = Buffer.from('\n');

/** Reads a line without its newline; undefined when it is none of conmon's (a torn write). */
export function parseRecord(line: Buffer): LogRecord | undefined {
  const first = line.indexOf(SPACE);
  const second = line.indexOf(SPACE, first + 1);
  if (first < 20 || second < 0 || line[second + 2] !== SPACE) return undefined;
  const stream = line.toString('latin1', first + 1, second);
  const tag = line[second + 1];
  if ((stream !== 'stdout' && stream !== 'stderr') || (tag !== 0x46 && tag !== 0x50)) return undefined;
  return {
    time: line.toString('latin1', 0, first),
    stream,
    partial: tag === 0x50,
    text: line.subarray(second + 3),
  };
}

/** conmon writes local time with its offset; Docker shows UTC, nanoseconds kept. */
export function toUtc(time: string): string {
  if (time.endsWith('+00:00')) return `${time.slice(0, -6)}Z`;
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '0';
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? time : `${new Date(ms).toISOString().slice(0, 19)}.${fraction.padEnd(9, '0')}Z`;
}

/** Puts partial records of each stream together again. */
export class RecordJoiner {
  readonly #open = new Map<string, { time: string; parts: Buffer[]; size: number }>();

  /** The line this record completes, if it does. */
  add({ time, stream, partial, text }: LogRecord): LogLine | undefined {
    const open = this.#open.get(stream);
    if (!partial) {
      this.#open.delete(stream);
      return { stream, time: toUtc(open?.time ?? time), data: Buffer.concat([...(open?.parts ?? []), text, NEWLINE]) };
    }
    const entry = open ?? { time, parts: [], size: 0 };
    entry.parts.push(Buffer.from(text));
    entry.size += text.length;
    this.#open.set(stream, entry);
    return entry.size > MAX_JOINED_BYTES ? this.#take(stream) : undefined;
  }

  /** What is left when the log has ended: lines without newline. */
  flush(): LogLine[] {
    return [...this.#open.keys()].flatMap((stream) => this.#take(stream) ?? []);
  }

  #take(stream: string): LogLine | undefined {
    const open = this.#open.get(stream);
    this.#open.delete(stream);
    return open && { stream: stream as LogLine['stream'], time: toUtc(open.time), data: Buffer.concat(open.parts) };
  }
}
