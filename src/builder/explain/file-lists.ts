import { mkdir, readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { writeFileAtomic } from '../../base/index.ts';
import type { FileList } from '../copy/digest-units.ts';
import { joinPath } from '../tree/names.ts';

/** What was known of one file a step read. */
export interface ListedFile {
  /** In the source. */
  readonly path: string;
  /** Below the unit it came with: what exclusions are matched against. */
  readonly rel: string;
  readonly type: string;
  /** Octal; "-" when it does not count. */
  readonly mode: string;
  /** "uid:gid", with "+digest" for extended attributes; "-" when it does not count. */
  readonly owner: string;
  /** Seconds since 1970; "-" when it does not count. */
  readonly time: string;
  /** Beginning of the digest of its bytes, a link's target, a device's number. */
  readonly value: string;
}

/** By where it goes, below the destination. */
export type ListedFiles = ReadonlyMap<string, ListedFile>;

const BOUNDS = { maxLists: 300, maxBytes: 64 << 20 };
const MAX_UNPACKED = 64 << 20;
/** Enough of a digest to tell two files apart. */
const DIGEST_CHARS = 16;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** Lists of the files that steps read, by their digest; packed, in a folder, as many as fit. Losing one costs only the name of a file in an explanation. */
export class FileLists {
  readonly #folder: string;
  readonly #bounds: typeof BOUNDS;
  #made = false;

  constructor(folder: string, bounds: typeof BOUNDS = BOUNDS) {
    this.#folder = folder;
    this.#bounds = bounds;
  }

  async put(digest: string, list: FileList): Promise<void> {
    const path = this.#pathOf(digest);
    if (await stat(path).catch(() => undefined)) return;
    if (!this.#made) await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    this.#made = true;
    const packed = await deflate(serialize(list), { level: 3 });
    if (packed.length > this.#bounds.maxBytes) return;
    await writeFileAtomic(path, packed, { durable: false });
    await this.#trim();
  }

  async get(digest: string): Promise<ListedFiles | undefined> {
    try {
      return parse((await inflate(await readFile(this.#pathOf(digest)), { maxOutputLength: MAX_UNPACKED })).toString());
    } catch {
      return undefined;
    }
  }

  #pathOf(digest: string): string {
    return join(this.#folder, /^[0-9a-f]{64}$/.test(digest) ? digest : 'none');
  }

  async #trim(): Promise<void> {
    const names = await readdir(this.#folder);
    const { maxLists, maxBytes } = this.#bounds;
    if (names.length < maxLists / 2) return;
    const files = await Promise.all(
      names.map(async (name) => ({ path: join(this.#folder, name), ...(await sizeAndTime(join(this.#folder, name))) })),
    );
    files.sort((a, b) => b.timeMs - a.timeMs);
    let bytes = 0;
    for (const [index, { path, size }] of files.entries())
      if ((bytes += size) > maxBytes || index >= maxLists) await rm(path, { force: true });
  }
}

async function sizeAndTime(path: string): Promise<{ size: number; timeMs: number }> {
  const found = await stat(path).catch(() => undefined);
  return { size: found?.size ?? 0, timeMs: found?.mtimeMs ?? 0 };
}

/** The list as it would be read back; undefined when it was cut. */
export function listedFiles(list: FileList): ListedFiles | undefined {
  return parse(serialize(list));
}

/** Per unit a JSON array of texts: folder or not, name, parents, path, then its lines. */
function serialize({ units, cut }: FileList): string {
  if (cut) return 'cut';
  return units
    .map(({ isFolder, name, parents, path, lines }) =>
      JSON.stringify([isFolder ? 'folder' : 'file', name, parents, path, ...lines.map(shortened)]),
    )
    .join('\n');
}

function shortened(line: string): string {
  return line.replace(/( [0-9a-f]{16})[0-9a-f]{48}\n$/, '$1\n');
}

function parse(text: string): ListedFiles | undefined {
  if (text === 'cut') return undefined;
  const files = new Map<string, ListedFile>();
  for (const unit of text === '' ? [] : text.split('\n')) addUnit(files, JSON.parse(unit) as string[]);
  return files;
}

function addUnit(files: Map<string, ListedFile>, [kind = '', name = '', parents = '', path = '', ...lines]: string[]) {
  const isFolder = kind === 'folder';
  // A folder without files makes its destination, too.
  if (isFolder)
    add(files, `${parents}/`, { path, rel: '', type: 'directory', mode: '-', owner: '-', time: '-', value: '' });
  for (const line of lines) {
    const zero = line.indexOf('\0');
    const rel = line.slice(0, zero);
    const [type = '', mode = '', owner = '', time = '', ...value] = line.slice(zero + 1, -1).split(' ');
    const file = {
      path: rel === '' ? path : joinPath(path, rel),
      rel: isFolder ? rel : name,
      type,
      mode,
      owner,
      time,
      value: value.join(' '),
    };
    add(files, joinPath(parents, isFolder ? rel : name), file);
  }
}

/** A later file at the same place is another entry: both were read. */
function add(files: Map<string, ListedFile>, place: string, file: ListedFile): void {
  let free = place;
  for (let n = 2; files.has(free); n++) free = `${place}\0${n}`;
  files.set(free, { ...file, value: file.type === 'file' ? file.value.slice(0, DIGEST_CHARS) : file.value });
}
