import type { LogFile } from './log-files.ts';
import { parseRecord } from './log-record.ts';

const BLOCK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** Where reading starts: a file of the list and an offset in it. */
export interface LogPosition {
  readonly file: number;
  readonly offset: number;
}

/**
 * Where the last `count` whole lines of the wanted streams begin, reading backwards in blocks from the end: a large log
 * costs no more than what is shown.
 */
export function tailPosition(
  files: readonly LogFile[],
  count: number,
  wants: (stream: 'stdout' | 'stderr') => boolean,
): LogPosition {
  const last = files.length - 1;
  if (count <= 0) return { file: last, offset: files[last]?.size ?? 0 };
  // A line ends with its full record; partial records after the last one are one more, unfinished line.
  let seen = 0;
  for (let file = last; file >= 0; file--) {
    for (const { line, end } of linesBackward(files[file] as LogFile)) {
      const record = parseRecord(line);
      if (!record || !wants(record.stream)) continue;
      if (record.partial && seen > 0) continue;
      if (seen++ === count) return { file, offset: end };
    }
  }
  return { file: 0, offset: 0 };
}

/** Lines from the last to the first, each without its newline, with the offset just behind it. */
function* linesBackward(file: LogFile): Generator<{ line: Buffer; end: number }> {
  let position = file.size;
  let end = position;
  let rest: Buffer = Buffer.alloc(0);
  while (position > 0) {
    const size = Math.min(BLOCK_BYTES, position);
    position -= size;
    const block = Buffer.alloc(size);
    file.read(block, position);
    rest = Buffer.concat([block, rest]);
    for (;;) {
      const closing = rest.at(-1) === NEWLINE ? rest.length - 1 : rest.length;
      const opening = closing === 0 ? -1 : rest.lastIndexOf(NEWLINE, closing - 1);
      if (opening < 0) break;
      yield { line: rest.subarray(opening + 1, closing), end };
      rest = rest.subarray(0, opening + 1);
      end = position + opening + 1;
    }
  }
  if (rest.length > 0) yield { line: rest.at(-1) === NEWLINE ? rest.subarray(0, -1) : rest, end };
}
