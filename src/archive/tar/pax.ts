import { textOfBytes } from '../byte-text.ts';
import { badTar } from './numbers.ts';

/** One `key=value` of a PAX extended header, in the order stored (sparse 0.0 repeats keys). */
export interface PaxRecord {
  readonly key: string;
  readonly value: Buffer;
}

/** @throws invalid_argument when a length does not lead from record to record */
export function parsePax(bytes: Buffer): PaxRecord[] {
  const records: PaxRecord[] = [];
  let at = 0;
  while (at < bytes.length && bytes[at] !== 0) {
    const space = bytes.indexOf(0x20, at);
    const digits = space > at && space - at <= 8 ? bytes.toString('latin1', at, space) : '';
    const end = at + Number(digits);
    if (!/^\d+$/.test(digits) || end > bytes.length || end <= space + 1 || bytes[end - 1] !== 0x0a)
      throw badTar('a PAX record has a wrong length');
    const equals = bytes.indexOf(0x3d, space);
    if (equals < 0 || equals >= end - 1 || equals === space + 1) throw badTar('a PAX record is not key=value');
    records.push({ key: textOfBytes(bytes.subarray(space + 1, equals)), value: bytes.subarray(equals + 1, end - 1) });
    at = end;
  }
  return records;
}

/** Records in the order given. */
export function formatPax(records: readonly { key: Buffer | string; value: Buffer | string }[]): Buffer {
  return Buffer.concat(records.map(({ key, value }) => formatRecord(Buffer.from(key), Buffer.from(value))));
}

function formatRecord(key: Buffer, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} `), key, Buffer.from('='), value, Buffer.from('\n')]);
}
