import { LadingError } from '../../errors/index.ts';
import { bytesOfText } from '../byte-text.ts';
import { showName } from '../entry-name.ts';
import { BLOCK, paddingOf, type EntryType, type TarHeader } from './header.ts';
import { formatPaxTime, octalLimit, writeOctal } from './numbers.ts';
import { formatPax } from './pax.ts';

export interface EncodeOptions {
  /** Write fractions of a second (as PAX records). Default: the fraction is dropped, as Docker's layers have it. */
  readonly subSecondTimes?: boolean;
}

const TYPE_FLAGS = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
} as const satisfies Record<EntryType, string>;

/** What goes into the ustar block, and what only PAX can say. */
interface Split {
  readonly name: Buffer;
  readonly prefix: Buffer;
  readonly linkName: Buffer;
  readonly records: Map<string, Buffer>;
}

const NOTHING = Buffer.alloc(0);

/**
 * The blocks in front of a member's body: a ustar header, preceded by a PAX one where ustar cannot hold the values.
 * The same header always gives the same bytes. A directory's name gets its closing slash.
 */
export function encodeHeader(header: TarHeader, options: EncodeOptions = {}): Buffer {
  const split = splitNames(header);
  addRecords(split.records, header, options);
  const block = ustarBlock(header, split.name, split.prefix, split.linkName, TYPE_FLAGS[header.type]);
  return split.records.size === 0 ? block : Buffer.concat([paxBlocks(header, split.records), block]);
}

function splitNames(header: TarHeader): Split {
  const { type } = header;
  const text = type === 'directory' && !header.name.endsWith('/') ? `${header.name}/` : header.name;
  if (header.name === '' || text.includes('\0'))
    throw new LadingError('invalid_argument', `write tar: entry ${showName(text)} has no usable name`);
  const records = new Map<string, Buffer>();
  const full = bytesOfText(text);
  const fitting = isAscii(full) ? splitPrefix(full) : undefined;
  if (!fitting) records.set('path', full);
  const link = type === 'symlink' || type === 'hardlink' ? bytesOfText(header.linkName ?? '') : NOTHING;
  const longLink = link.length > 100 || !isAscii(link);
  if (longLink) records.set('linkpath', link);
  const { name, prefix } = fitting ?? { name: asciiStandIn(full), prefix: NOTHING };
  return { name, prefix, linkName: longLink ? asciiStandIn(link) : link, records };
}

/** Cuts at the first slash that makes both halves fit; undefined when there is none. */
function splitPrefix(full: Buffer): { name: Buffer; prefix: Buffer } | undefined {
  if (full.length <= 100) return { name: full, prefix: NOTHING };
  if (full.length > 256) return undefined;
  const slash = full.indexOf(0x2f, full.length - 101);
  if (slash <= 0 || slash > 155 || slash === full.length - 1) return undefined;
  return { prefix: full.subarray(0, slash), name: full.subarray(slash + 1) };
}

/** What readers without PAX see. */
function asciiStandIn(bytes: Buffer): Buffer {
  return bytes.subarray(0, 100).map((byte) => (byte < 0x80 ? byte : 0x5f)) as Buffer;
}

function isAscii(bytes: Buffer): boolean {
  return bytes.every((byte) => byte < 0x80);
}

function addRecords(records: Map<string, Buffer>, header: TarHeader, options: EncodeOptions): void {
  const add = (key: string, value: string) => records.set(key, Buffer.from(value));
  if (header.uid > octalLimit(8)) add('uid', String(header.uid));
  if (header.gid > octalLimit(8)) add('gid', String(header.gid));
  if (header.type === 'file' && header.size > octalLimit(12)) add('size', String(header.size));
  const fraction = options.subSecondTimes === true && header.mtime.nsec !== 0;
  if (fraction) add('mtime', formatPaxTime(header.mtime));
  else if (header.mtime.sec < 0 || header.mtime.sec > octalLimit(12)) add('mtime', String(header.mtime.sec));
  for (const key of ['uname', 'gname'] as const) {
    const value = bytesOfText(header[key] ?? '');
    if (value.length > 31 || !isAscii(value)) records.set(key, value);
  }
  for (const [name, value] of header.xattrs ?? []) records.set(`SCHILY.xattr.${name}`, value);
}

function ustarBlock(header: TarHeader, name: Buffer, prefix: Buffer, linkName: Buffer, typeFlag: string): Buffer {
  const block = Buffer.alloc(BLOCK);
  name.copy(block, 0);
  writeOctal(block, header.mode & 0o7777, 100, 8);
  writeFitting(block, header.uid, 108, 8);
  writeFitting(block, header.gid, 116, 8);
  writeFitting(block, header.type === 'file' ? header.size : 0, 124, 12);
  writeFitting(block, header.mtime.sec, 136, 12);
  block.write(typeFlag, 156, 'latin1');
  linkName.copy(block, 157);
  block.write('ustar\u000000', 257, 'latin1');
  writeShort(block, header.uname, 265);
  writeShort(block, header.gname, 297);
  writeOctal(block, header.devMajor ?? 0, 329, 8);
  writeOctal(block, header.devMinor ?? 0, 337, 8);
  prefix.copy(block, 345);
  return seal(block);
}

/** 0 where a PAX record has the value. */
function writeFitting(block: Buffer, value: number, start: number, length: number): void {
  writeOctal(block, value >= 0 && value <= octalLimit(length) ? value : 0, start, length);
}

function writeShort(block: Buffer, text: string | undefined, start: number): void {
  const bytes = bytesOfText(text ?? '');
  if (bytes.length <= 31 && isAscii(bytes)) bytes.copy(block, start);
}

function seal(block: Buffer): Buffer {
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function paxBlocks(header: TarHeader, records: Map<string, Buffer>): Buffer {
  const sorted = [...records].sort(([a], [b]) => (a < b ? -1 : 1));
  const body = formatPax(sorted.map(([key, value]) => ({ key: bytesOfText(key), value })));
  const base = asciiStandIn(bytesOfText(header.name.replace(/\/+$/, '').split('/').at(-1) ?? ''));
  const name = Buffer.concat([Buffer.from('PaxHeaders.0/'), base]).subarray(0, 100);
  const pax = {
    ...header,
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    mtime: { sec: 0, nsec: 0 },
  } as const;
  const { uname: _u, gname: _g, devMajor: _a, devMinor: _b, ...plain } = pax;
  return Buffer.concat([ustarBlock(plain, name, NOTHING, NOTHING, 'x'), body, Buffer.alloc(paddingOf(body.length))]);
}

/** Two blocks of zeros: the end of an archive. */
export const END_OF_ARCHIVE: Buffer = Buffer.alloc(2 * BLOCK);
