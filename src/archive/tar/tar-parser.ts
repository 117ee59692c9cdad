import { textOfBytes } from '../byte-text.ts';
import { showName } from '../entry-name.ts';
import { BLOCK, paddingOf, type DataRun, type TarHeader } from './header.ts';
import { badTar, parseNumber } from './numbers.ts';
import { applyPax, checkSize, entryTypeOf, parseHeader, paxInteger, type RawHeader } from './parse-header.ts';
import { parsePax, type PaxRecord } from './pax.ts';
import { checkRuns, countMapLines, MAX_MAP_BYTES, parseGnuRuns, parseMapText, parsePaxRuns } from './sparse.ts';

/** What a parser reports, synchronously and in order: entry, data…, entryEnd. */
export interface TarEvents {
  entry(header: TarHeader): void;
  /** Part of the current file's content and where it belongs. Bytes between two parts are zero. A view into the chunk that was written. */
  data(bytes: Buffer, offset: number): void;
  entryEnd(): void;
}

const MAX_EXTENSION_BYTES = 1 << 20;

type State = 'header' | 'extension' | 'gnu-runs' | 'map' | 'body' | 'skip' | 'end';

/**
 * Tar as a synchronous state machine over chunks of any size: V7, ustar, GNU (long names, base-256, sparse) and PAX (also sparse 0.0, 0.1, 1.0).
 * Bounds: an extended header may have 1 MiB. All errors are `invalid_argument`.
 */
export class TarParser {
  readonly #events: TarEvents;
  #state: State = 'header';
  /** Collects blocks and extension bodies that may be cut by the end of a chunk. */
  #held: Buffer = Buffer.allocUnsafe(BLOCK);
  #heldLength = 0;
  #wanted = BLOCK;
  /** Bytes left of a body, and bytes of padding behind it. */
  #left = 0;
  #padding = 0;
  #zeroBlocks = 0;
  #raw: RawHeader | undefined;
  #extension = '';
  #pax: PaxRecord[] = [];
  #longName: string | undefined;
  #longLink: string | undefined;
  #runs: DataRun[] = [];
  #realSize = 0;
  /** Which run the next stored byte belongs to, and where in it. */
  #run = 0;
  #runOffset = 0;
  /** Blocks of a sparse 1.0 map, its lines so far, and how many it announces. */
  #map: Buffer[] = [];
  #mapLines = 0;
  #mapWanted: number | undefined;

  constructor(events: TarEvents) {
    this.#events = events;
  }

  write(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === 'end') return;
      if (this.#state === 'body') at += this.#takeBody(chunk, at);
      else if (this.#state === 'skip') at += this.#takeSkipped(chunk, at);
      else at += this.#hold(chunk, at);
    }
  }

  /** @throws invalid_argument when the archive stops inside a header or a body */
  end(): void {
    const between = this.#state === 'header' && this.#heldLength === 0 && this.#pendingExtension() === false;
    const inPadding = this.#state === 'skip' && this.#left === 0;
    if (this.#state === 'end' || between || inPadding) return;
    const where = this.#raw ? ` in ${showName(this.#raw.name)}` : '';
    throw badTar(`the archive is truncated${where}`);
  }

  #pendingExtension(): boolean {
    return this.#pax.length > 0 || this.#longName !== undefined || this.#longLink !== undefined;
  }

  /** Fills the held buffer up to what the state wants, straight from the chunk when nothing was held. */
  #hold(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#wanted - this.#heldLength, chunk.length - at);
    if (this.#heldLength === 0 && taken === this.#wanted) {
      this.#complete(chunk.subarray(at, at + taken));
      return taken;
    }
    if (this.#held.length < this.#wanted) this.#held = Buffer.allocUnsafe(this.#wanted);
    chunk.copy(this.#held, this.#heldLength, at, at + taken);
    this.#heldLength += taken;
    if (this.#heldLength < this.#wanted) return taken;
    this.#heldLength = 0;
    this.#complete(this.#held.subarray(0, this.#wanted));
    return taken;
  }

  #complete(bytes: Buffer): void {
    if (this.#state === 'header') this.#takeHeader(bytes);
    else if (this.#state === 'extension') this.#takeExtension(bytes);
    else if (this.#state === 'gnu-runs') this.#takeGnuRuns(bytes);
    else this.#takeMap(bytes);
  }

  #takeHeader(block: Buffer): void {
    if (block[0] === 0 && isZero(block)) {
      if (++this.#zeroBlocks === 2) this.#state = 'end';
      return;
    }
    if (this.#zeroBlocks > 0) throw badTar('a header follows the end of the archive');
    const raw = parseHeader(block);
    if ('LKxg'.includes(raw.typeFlag)) return this.#expectExtension(raw);
    this.#finishHeader(raw, block);
  }

  #expectExtension(raw: RawHeader): void {
    if (raw.size > MAX_EXTENSION_BYTES)
      throw badTar(`an extended header has ${raw.size} bytes, more than ${MAX_EXTENSION_BYTES}`);
    this.#extension = raw.typeFlag;
    this.#left = raw.size;
    if (raw.size === 0) return;
    this.#expect('extension', raw.size + paddingOf(raw.size));
  }

  #expect(state: State, bytes: number): void {
    this.#state = state;
    this.#wanted = bytes;
  }

  #takeExtension(padded: Buffer): void {
    const bytes = Buffer.from(padded.subarray(0, this.#left));
    this.#left = 0;
    this.#expect('header', BLOCK);
    if (this.#extension === 'L') this.#longName = untilNul(bytes);
    else if (this.#extension === 'K') this.#longLink = untilNul(bytes);
    else {
      const records = parsePax(bytes);
      if (this.#extension === 'x') this.#pax = records;
    }
  }

  #finishHeader(raw: RawHeader, block: Buffer): void {
    const pax = this.#pax;
    if (pax.length > 0) applyPax(raw, pax);
    if (this.#longName !== undefined) raw.name = this.#longName;
    if (this.#longLink !== undefined) raw.linkName = this.#longLink;
    this.#pax = [];
    this.#longName = this.#longLink = undefined;
    this.#raw = raw;
    const type = entryTypeOf(raw);
    if (type === undefined) return this.#skip(raw.size);
    if (type !== 'file') {
      raw.size = 0;
      return this.#start(undefined);
    }
    if (raw.typeFlag === 'S') return this.#startGnuSparse(raw, block);
    if (pax.length > 0 && this.#startPaxSparse(raw, pax)) return;
    this.#start(undefined);
  }

  #startGnuSparse(raw: RawHeader, block: Buffer): void {
    this.#runs = parseGnuRuns(block, 386, 4);
    this.#realSize = parseNumber(block, 483, 12, 'real size');
    if (block[482] !== 0) this.#expect('gnu-runs', BLOCK);
    else this.#start(checkRuns(this.#runs, this.#realSize, raw.size));
  }

  #takeGnuRuns(block: Buffer): void {
    this.#runs.push(...parseGnuRuns(block, 0, 21));
    if (this.#runs.length > 100_000) throw badTar('the sparse map is too large');
    if (block[504] !== 0) return;
    this.#start(checkRuns(this.#runs, this.#realSize, this.#raw!.size));
  }

  /** Whether the records describe a sparse file. */
  #startPaxSparse(raw: RawHeader, pax: readonly PaxRecord[]): boolean {
    const find = (key: string) => pax.findLast((record) => record.key === key)?.value;
    const realSize = find('GNU.sparse.realsize') ?? find('GNU.sparse.size');
    if (realSize === undefined) return false;
    this.#realSize = checkSize(paxInteger(realSize, 'GNU.sparse.size'));
    if (find('GNU.sparse.major')?.toString('latin1') === '1') {
      this.#runs = [];
      this.#map = [];
      this.#mapLines = 0;
      this.#mapWanted = undefined;
      this.#expect('map', BLOCK);
      return true;
    }
    const runs = parsePaxRuns(pax);
    if (runs) this.#start(checkRuns(runs, this.#realSize, raw.size));
    return runs !== undefined;
  }

  #takeMap(block: Buffer): void {
    const raw = this.#raw!;
    this.#map.push(Buffer.from(block));
    raw.size -= BLOCK;
    if (raw.size < 0 || this.#map.length * BLOCK > MAX_MAP_BYTES) throw badTar('the sparse map does not end');
    for (let at = block.indexOf(0x0a); at >= 0; at = block.indexOf(0x0a, at + 1)) this.#mapLines++;
    this.#mapWanted ??= this.#mapLines > 0 ? countMapLines(this.#map) : undefined;
    if (this.#mapWanted === undefined || this.#mapLines < this.#mapWanted) return;
    this.#start(checkRuns(parseMapText(Buffer.concat(this.#map)), this.#realSize, raw.size));
  }

  #start(runs: DataRun[] | undefined): void {
    const raw = this.#raw!;
    this.#runs = runs ?? [];
    this.#run = this.#runOffset = 0;
    this.#left = raw.size;
    this.#padding = paddingOf(raw.size);
    this.#events.entry(headerOf(raw, runs, this.#realSize));
    this.#wanted = BLOCK;
    if (raw.size === 0) this.#finishEntry();
    else this.#state = 'body';
  }

  #takeBody(chunk: Buffer, at: number): number {
    const available = Math.min(this.#left, chunk.length - at);
    const taken = this.#runs.length === 0 ? this.#emit(chunk, at, available) : this.#emitRun(chunk, at, available);
    this.#left -= taken;
    if (this.#left === 0) this.#finishEntry();
    return taken;
  }

  #emit(chunk: Buffer, at: number, length: number): number {
    this.#events.data(chunk.subarray(at, at + length), this.#runOffset);
    this.#runOffset += length;
    return length;
  }

  #emitRun(chunk: Buffer, at: number, available: number): number {
    const run = this.#runs[this.#run]!;
    const length = Math.min(available, run.length - this.#runOffset);
    this.#events.data(chunk.subarray(at, at + length), run.offset + this.#runOffset);
    this.#runOffset += length;
    if (this.#runOffset === run.length) {
      this.#run++;
      this.#runOffset = 0;
    }
    return length;
  }

  #finishEntry(): void {
    this.#events.entryEnd();
    this.#raw = undefined;
    if (this.#padding > 0) this.#state = 'skip';
    else this.#expect('header', BLOCK);
  }

  #skip(size: number): void {
    this.#left = size;
    this.#padding = paddingOf(size);
    this.#raw = undefined;
    this.#state = size > 0 ? 'skip' : 'header';
  }

  #takeSkipped(chunk: Buffer, at: number): number {
    const body = Math.min(this.#left, chunk.length - at);
    this.#left -= body;
    const padding = Math.min(this.#padding, chunk.length - at - body);
    if (this.#left === 0) this.#padding -= padding;
    if (this.#left === 0 && this.#padding === 0) this.#expect('header', BLOCK);
    return body + padding;
  }
}

function isZero(block: Buffer): boolean {
  return block.equals(ZERO_BLOCK);
}

const ZERO_BLOCK = Buffer.alloc(BLOCK);

function untilNul(bytes: Buffer): string {
  const nul = bytes.indexOf(0);
  return textOfBytes(nul < 0 ? bytes : bytes.subarray(0, nul));
}

function headerOf(raw: RawHeader, runs: DataRun[] | undefined, realSize: number): TarHeader {
  const type = entryTypeOf(raw)!;
  return {
    name: raw.name,
    type,
    mode: raw.mode,
    uid: raw.uid,
    gid: raw.gid,
    size: runs ? realSize : raw.size,
    mtime: raw.mtime,
    ...(type === 'symlink' || type === 'hardlink' ? { linkName: raw.linkName } : undefined),
    ...(type === 'char' || type === 'block' ? { devMajor: raw.devMajor, devMinor: raw.devMinor } : undefined),
    ...(raw.xattrs ? { xattrs: raw.xattrs } : undefined),
    ...(raw.uname ? { uname: raw.uname } : undefined),
    ...(raw.gname ? { gname: raw.gname } : undefined),
    ...(runs ? { sparse: runs } : undefined),
  };
}
