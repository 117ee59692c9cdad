import { badTar, parseNumber } from './numbers.ts';
import type { DataRun } from './header.ts';
import type { PaxRecord } from './pax.ts';

/** A map as text may have this many bytes (the same bound as for other extended headers). */
export const MAX_MAP_BYTES = 1 << 20;

/** The four runs of an old GNU sparse header, or the 21 of an extension block. Ends at the first empty one. */
export function parseGnuRuns(block: Buffer, start: number, count: number): DataRun[] {
  const runs: DataRun[] = [];
  for (let at = start; at < start + count * 24; at += 24) {
    if (block[at] === 0) break;
    runs.push({
      offset: parseNumber(block, at, 12, 'sparse offset'),
      length: parseNumber(block, at + 12, 12, 'sparse length'),
    });
  }
  return runs;
}

/** PAX sparse 0.0 (repeated records) and 0.1 (one map record); undefined when neither is there. */
export function parsePaxRuns(records: readonly PaxRecord[]): DataRun[] | undefined {
  const map = records.findLast((record) => record.key === 'GNU.sparse.map');
  if (map) return pairUp(map.value.toString('latin1').split(',').map(decimal));
  const numbers = records
    .filter(({ key }) => key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes')
    .map(({ value }) => decimal(value.toString('latin1')));
  return numbers.length > 0 || records.some(({ key }) => key === 'GNU.sparse.numblocks') ? pairUp(numbers) : undefined;
}

/** PAX sparse 1.0: the map stands in front of the data, one decimal number a line, the count of runs first. How many lines that makes. */
export function countMapLines(blocks: readonly Buffer[]): number {
  const [count] = Buffer.concat(blocks).toString('latin1').split('\n', 1);
  return 1 + 2 * decimal(count!);
}

/** Parses a map of which all lines are there. */
export function parseMapText(bytes: Buffer): DataRun[] {
  const [count, ...rest] = bytes.toString('latin1').split('\n');
  return pairUp(rest.slice(0, 2 * decimal(count!)).map(decimal));
}

function decimal(text: string): number {
  if (!/^\d{1,16}$/.test(text)) throw badTar('the sparse map holds something that is not a number');
  return Number(text);
}

function pairUp(numbers: readonly number[]): DataRun[] {
  if (numbers.length % 2 !== 0) throw badTar('the sparse map has an odd number of values');
  const runs: DataRun[] = [];
  for (let at = 0; at < numbers.length; at += 2) runs.push({ offset: numbers[at]!, length: numbers[at + 1]! });
  return runs;
}

/** Drops empty runs. @throws invalid_argument unless the runs ascend, stay inside `size` and add up to `stored` */
export function checkRuns(runs: readonly DataRun[], size: number, stored: number): DataRun[] {
  let end = 0;
  let sum = 0;
  for (const run of runs) {
    if (run.offset < end || run.length < 0 || run.offset + run.length > size)
      throw badTar('the sparse map does not ascend or leaves the file');
    end = run.offset + run.length;
    sum += run.length;
  }
  if (sum !== stored) throw badTar('the sparse map does not match the stored size');
  return runs.filter((run) => run.length > 0);
}
