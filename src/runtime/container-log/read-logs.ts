import { dirname } from 'node:path';
import { existsSync } from 'node:fs';
import type { LogLine, LogQuery } from '../runtime.ts';
import { ChangeSignal } from './change-signal.ts';
import { LineReader } from './line-reader.ts';
import { inodeOf, LogFile, openLogFiles } from './log-files.ts';
import { parseRecord, RecordJoiner } from './log-record.ts';
import { tailPosition } from './tail.ts';

/**
 * A container's log as Docker shows it: the generations in order, partial lines joined, filtered.
 * With `follow` it goes on until the exit file appears, across rotations.
 */
export async function* readLogs(logPath: string, exitPath: string, query: LogQuery): AsyncGenerator<LogLine> {
  const filter = new LineFilter(query);
  const joiner = new RecordJoiner();
  const take = function* (reader: LineReader): Generator<LogLine> {
    for (const line of reader.lines()) {
      const record = parseRecord(line);
      const joined = record && filter.wants(record.stream) ? joiner.add(record) : undefined;
      if (joined && filter.keeps(joined)) yield joined;
      if (filter.isPast) return;
    }
  };
  if (query.follow && !existsSync(dirname(logPath))) return;
  using change = query.follow ? new ChangeSignal(dirname(logPath)) : undefined;
  const readers = openReaders(logPath, query, filter);
  try {
    for (;;) {
      // Asked before reading: what was written before the exit is then surely read.
      const ended = !change || existsSync(exitPath);
      for (const reader of readers) yield* take(reader);
      if (filter.isPast || query.signal?.aborted) break;
      if (change && followRotation(logPath, readers)) continue;
      if (ended) break;
      await change?.wait(query.signal);
    }
    if (!query.signal?.aborted) yield* joiner.flush().filter((line) => filter.keeps(line));
  } finally {
    for (const reader of readers) reader.close();
  }
}

function openReaders(logPath: string, { tail }: LogQuery, filter: LineFilter): LineReader[] {
  const files = openLogFiles(logPath);
  if (tail === undefined) return files.map((file) => new LineReader(file, 0));
  const start = tailPosition(files, tail, (stream) => filter.wants(stream));
  for (const skipped of files.slice(0, Math.max(start.file, 0))) skipped.close();
  return files
    .slice(Math.max(start.file, 0))
    .map((file, index) => new LineReader(file, index === 0 ? start.offset : 0));
}

/** Takes up the new file when the path means another one; true when there is something new to read. */
function followRotation(logPath: string, readers: LineReader[]): boolean {
  const inode = inodeOf(logPath);
  if (inode === undefined || readers.at(-1)?.inode === inode) return false;
  const file = LogFile.open(logPath);
  if (!file) return false;
  // The latest of the old ones is read once more: it may have grown since, before its name was taken.
  for (const old of readers.splice(0, Math.max(readers.length - 1, 0))) old.close();
  readers.push(new LineReader(file, 0));
  return true;
}

class LineFilter {
  /** A line later than `untilMs` was met: all that follow are, too. */
  isPast = false;
  readonly #query: LogQuery;

  constructor(query: LogQuery) {
    this.#query = query;
  }

  wants(stream: LogLine['stream']): boolean {
    return this.#query[stream];
  }

  keeps(line: LogLine): boolean {
    const { sinceMs, untilMs } = this.#query;
    if (sinceMs === undefined && untilMs === undefined) return true;
    const time = Date.parse(line.time);
    if (untilMs !== undefined && time > untilMs) this.isPast = true;
    return !this.isPast && (sinceMs === undefined || time >= sinceMs);
  }
}
