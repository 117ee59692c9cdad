import { textOfBytes } from '../byte-text.ts';
import { refuseEntry } from '../entry-name.ts';
import type { EntryTime, EntryType } from './header.ts';
import { badTar, parseNumber, parsePaxTime } from './numbers.ts';
import type { PaxRecord } from './pax.ts';

/** A header block's fields with PAX and GNU extensions applied, before sparse maps are read. */
export interface RawHeader {
  name: string;
  linkName: string;
  typeFlag: string;
  mode: number;
  uid: number;
  gid: number;
  /** Bytes stored behind the header. */
  size: number;
  mtime: EntryTime;
  uname: string;
  gname: string;
  devMajor: number;
  devMinor: number;
  xattrs: Map<string, Buffer> | undefined;
}

const TYPES: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/** undefined for types that lading, like most readers, skips (volume labels, multi-volume parts, vendor extensions). */
export function entryTypeOf(raw: RawHeader): EntryType | undefined {
  if (raw.typeFlag === '\0' && raw.name.endsWith('/')) return 'directory';
  return TYPES[raw.typeFlag];
}

/** @throws invalid_argument on a wrong checksum or a field that is not a number */
export function parseHeader(block: Buffer): RawHeader {
  if (!checksumMatches(block)) throw badTar('a header has a wrong checksum');
  const typeFlag = String.fromCharCode(block[156]!);
  const magic = block.toString('latin1', 257, 263);
  const ustar = magic === 'ustar\0';
  const extended = ustar || magic === 'ustar ';
  const device = extended && (typeFlag === '3' || typeFlag === '4');
  return {
    name: nameOf(block, ustar),
    linkName: block[157] === 0 ? '' : field(block, 157, 100),
    typeFlag,
    mode: parseNumber(block, 100, 8, 'mode') & 0o7777,
    uid: ownerId(parseNumber(block, 108, 8, 'uid'), 'uid'),
    gid: ownerId(parseNumber(block, 116, 8, 'gid'), 'gid'),
    size: checkSize(parseNumber(block, 124, 12, 'size')),
    mtime: { sec: parseNumber(block, 136, 12, 'mtime'), nsec: 0 },
    uname: extended && block[265] !== 0 ? field(block, 265, 32) : '',
    gname: extended && block[297] !== 0 ? field(block, 297, 32) : '',
    devMajor: device ? parseNumber(block, 329, 8, 'device major') : 0,
    devMinor: device ? parseNumber(block, 337, 8, 'device minor') : 0,
    xattrs: undefined,
  };
}

/** POSIX sums unsigned bytes; some old writers summed signed ones. */
function checksumMatches(block: Buffer): boolean {
  let unsigned = 256;
  let high = 0;
  for (let at = 0; at < 512; at++) {
    if (at === 148) at = 156;
    const byte = block[at]!;
    unsigned += byte;
    high += byte >> 7;
  }
  const stored = parseNumber(block, 148, 8, 'checksum');
  return stored === unsigned || stored === unsigned - 256 * high;
}

function field(block: Buffer, start: number, length: number): string {
  let end = start;
  while (end < start + length && block[end] !== 0) end++;
  return textOfBytes(block.subarray(start, end));
}

/** Only POSIX headers have a prefix: GNU keeps times at its place, star uses its last 24 bytes for times. */
function nameOf(block: Buffer, ustar: boolean): string {
  const name = field(block, 0, 100);
  if (!ustar || block[345] === 0) return name;
  const star = block.toString('latin1', 508, 512) === 'tar\0';
  return `${field(block, 345, star ? 131 : 155)}/${name}`;
}

/** Ids are 32 bits; a small negative one is how some writers store the top of that range. */
function ownerId(value: number, what: string): number {
  if (value < -0x80000000 || value > 0xffffffff) throw badTar(`the header's ${what} ${value} does not fit 32 bits`);
  return value >>> 0;
}

/** @throws invalid_argument unless it is a size */
export function checkSize(size: number): number {
  if (size < 0 || !Number.isSafeInteger(size)) throw badTar(`the header's size ${size} is not a size`);
  return size;
}

const XATTR = 'SCHILY.xattr.';

/** Applies PAX records to the header they stand in front of; later records win, empty values mean "as in the header". */
export function applyPax(raw: RawHeader, records: readonly PaxRecord[]): void {
  for (const { key, value } of records) {
    if (key.startsWith(XATTR)) (raw.xattrs ??= new Map()).set(key.slice(XATTR.length), value);
    else if (value.length > 0) applyRecord(raw, key, value);
  }
}

function applyRecord(raw: RawHeader, key: string, value: Buffer): void {
  switch (key) {
    case 'path':
    case 'GNU.sparse.name':
      raw.name = withoutNul(textOfBytes(value));
      break;
    case 'linkpath':
      raw.linkName = withoutNul(textOfBytes(value));
      break;
    case 'size':
      raw.size = checkSize(paxInteger(value, key));
      break;
    case 'uid':
      raw.uid = ownerId(paxInteger(value, key), key);
      break;
    case 'gid':
      raw.gid = ownerId(paxInteger(value, key), key);
      break;
    case 'mtime':
      raw.mtime = parsePaxTime(value.toString('latin1'));
      break;
    case 'uname':
      raw.uname = textOfBytes(value);
      break;
    case 'gname':
      raw.gname = textOfBytes(value);
      break;
  }
}

function withoutNul(name: string): string {
  return name.includes('\0') ? refuseEntry(name, 'the name holds a NUL byte') : name;
}

export function paxInteger(value: Buffer, key: string): number {
  const text = value.toString('latin1');
  if (!/^-?\d{1,16}$/.test(text)) throw badTar(`PAX ${key} ${JSON.stringify(text.slice(0, 40))} is not a number`);
  return Number(text);
}
