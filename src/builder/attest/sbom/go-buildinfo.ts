import { constants, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { errnoOf } from '../../../errors/index.ts';
import { packageOf, type FoundPackage } from './package.ts';

const MAGIC = Buffer.from('\xff Go buildinf:', 'latin1');
/** Programs that Go links are never smaller. */
const MIN_BYTES = 300 * 1024;
const MAX_SECTIONS = 1000;
const MAX_INFO = 4 << 20;
const MAX_MODULES = 20_000;

/**
 * The modules a Go program (1.18 or later, 64-bit little-endian ELF) was linked from, as `go version -m` prints them; none of other files.
 * The file may be anything: whatever in it is out of place ends the search.
 */
export async function goModulesOf(path: string): Promise<FoundPackage[]> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const stat = await file.stat();
    const section = mayBeGoProgram(stat) ? await buildInfoSection(file, stat.size) : undefined;
    return section ? modulesIn(section) : [];
  } catch (error) {
    if (errnoOf(error) !== undefined || error instanceof RangeError) return [];
    throw error;
  }
}

/** By its size and mode, before it is opened. */
export function mayBeGoProgram({ size, mode }: Pick<Stats, 'size' | 'mode'>): boolean {
  return size >= MIN_BYTES && (mode & 0o111) !== 0;
}

/** Content of the section ".go.buildinfo". */
async function buildInfoSection(file: FileHandle, size: number): Promise<Buffer | undefined> {
  const header = await readAt(file, 0, 64);
  if (header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) return undefined;
  const [offset, each, count, names] = [
    Number(header.readBigUInt64LE(40)),
    header.readUInt16LE(58),
    header.readUInt16LE(60),
    header.readUInt16LE(62),
  ];
  if (each !== 64 || count > MAX_SECTIONS || names >= count || offset + count * each > size) return undefined;
  const table = await readAt(file, offset, count * each);
  const rangeOf = (index: number): [start: number, length: number] => [
    Number(table.readBigUInt64LE(index * each + 24)),
    Number(table.readBigUInt64LE(index * each + 32)),
  ];
  const [namesAt, namesLength] = rangeOf(names);
  if (namesLength > 1 << 20) return undefined;
  const texts = await readAt(file, namesAt, namesLength);
  for (let index = 0; index < count; index++) {
    const at = table.readUInt32LE(index * each);
    if (texts.toString('latin1', at, at + 14) !== '.go.buildinfo\0') continue;
    const [start, length] = rangeOf(index);
    return length > MAX_INFO ? undefined : readAt(file, start, length);
  }
  return undefined;
}

/** After the magic and flags: Go's version and the modules, each with its length in front. */
function modulesIn(section: Buffer): FoundPackage[] {
  if (!section.subarray(0, MAGIC.length).equals(MAGIC) || (section[15]! & 2) === 0) return [];
  const version = textAt(section, 32);
  const info = textAt(section, version.end).text;
  // The list stands between two markers of 16 bytes.
  const lines = info.slice(16, -16).split('\n').slice(0, MAX_MODULES);
  const standard = { name: 'stdlib', version: version.text.replace(/^go/, '').replace(/ .*/, '') };
  const found = [packageOf('golang', standard)];
  for (const line of lines) {
    const [kind, name, of] = line.split('\t');
    if (kind === '=>') found.pop();
    if (kind === 'dep' || kind === '=>' || (kind === 'mod' && of !== '(devel)'))
      found.push(packageOf('golang', { name, version: of }));
  }
  return found.filter((one) => one !== undefined);
}

function textAt(bytes: Buffer, start: number): { text: string; end: number } {
  let [length, shift, at] = [0, 0, start];
  for (;;) {
    const byte = bytes.readUInt8(at++);
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
    if ((shift += 7) > 21) throw new RangeError('a length of more than four bytes');
  }
  if (at + length > bytes.length) throw new RangeError('a text that ends after the section');
  return { text: bytes.toString('utf8', at, at + length), end: at + length };
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead < length) throw new RangeError('a file that ends early');
  return buffer;
}
