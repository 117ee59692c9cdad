import { createHash, hash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { appendFile, mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { writeFileAtomic } from '../../base/index.ts';
import type { FileStat } from './file-stat.ts';
import type { FileTree } from './file-tree.ts';

type Known = readonly [identity: string, digest: string];

const AT_ONCE = 256 * 1024;
const PIECE = 1 << 20;
const MAX_REMEMBERED = 400_000;
/** A file changed less than this before it was read may change again without a new time. */
const SETTLED_MS = 50;

/**
 * Digests of a context's files, remembered by path, device, inode, size and times: an unchanged context is not read again.
 * Kept in one file for each context folder, a line for each thing learned; losing it costs only reading.
 */
export class FileDigests {
  readonly #path: string;
  #known = new Map<string, Known>();
  /** Not yet in the file. */
  #learned = new Map<string, Known>();
  /** In the file, those that no longer hold too. */
  #lines = 0;
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.#path = path;
  }

  static async open(folder: string, contextRoot: string): Promise<FileDigests> {
    const digests = new FileDigests(join(folder, `${hash('sha256', contextRoot).slice(0, 32)}.jsonl`));
    await digests.#load();
    return digests;
  }

  /** Hex sha256 of a file's bytes; at once when it is remembered. */
  digestOf(tree: FileTree, path: string, stat: FileStat, signal?: AbortSignal): string | Promise<string> {
    const known = this.#known.get(path);
    return known && known[0] === stat.identity ? known[1] : this.#read(tree, path, stat, signal);
  }

  /** Writes what was learned. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(() => this.#write()).catch(() => undefined);
    return this.#saving;
  }

  /** A few lines are added; much that is new, or as much that no longer holds as does, makes the file anew. */
  async #write(): Promise<void> {
    const learned = this.#learned;
    if (learned.size === 0) return;
    this.#learned = new Map();
    const isFew = learned.size < this.#lines / 2 && this.#lines + learned.size < 2 * this.#known.size;
    this.#lines = isFew ? this.#lines + learned.size : this.#known.size;
    if (isFew) return appendFile(this.#path, linesOf(learned));
    await mkdir(join(this.#path, '..'), { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.#path, linesOf(this.#known), { durable: false });
  }

  async #read(tree: FileTree, path: string, stat: FileStat, signal: AbortSignal | undefined): Promise<string> {
    const startedMs = Date.now();
    const digest = await digestFile(tree, path, stat.size, signal);
    if (startedMs - Number(stat.ctimeNs / 1_000_000n) > settledAfterMs(stat)) {
      // Names of files long gone are among them; those that are there come back.
      if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
      const known: Known = [stat.identity, digest];
      this.#known.set(path, known);
      this.#learned.set(path, known);
    }
    return digest;
  }

  async #load(): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    // What follows the last line break was being written when the machine stopped.
    const whole = text.slice(0, Math.max(0, text.lastIndexOf('\n')));
    try {
      const entries = JSON.parse(`[${whole.replaceAll('\n', ',')}]`) as [string, Known][];
      this.#known = new Map(entries);
      this.#lines = text.endsWith('\n') ? entries.length : 0;
    } catch {
      this.#known = new Map();
    }
  }
}

/** Whole seconds may be all that the file system keeps of a time. */
function settledAfterMs({ ctimeNs }: FileStat): number {
  return ctimeNs % 1_000_000_000n === 0n ? 2000 + SETTLED_MS : SETTLED_MS;
}

/** JSON has no line breaks of its own. */
function linesOf(entries: ReadonlyMap<string, Known>): string {
  return [...entries].map((entry) => `${JSON.stringify(entry)}\n`).join('');
}

/** Reads a file once; small ones at once, larger ones in pieces between which others get their turn. */
export async function digestFile(tree: FileTree, path: string, size: number, signal?: AbortSignal): Promise<string> {
  const fd = tree.open(path);
  if (size <= AT_ONCE) {
    try {
      return digestSmall(fd);
    } finally {
      closeSync(fd);
    }
  }
  const file = await open(`/proc/self/fd/${fd}`, 'r').finally(() => closeSync(fd));
  try {
    const sha256 = createHash('sha256');
    const buffer = Buffer.allocUnsafe(PIECE);
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, PIECE);
      if (bytesRead === 0) return sha256.digest('hex');
      sha256.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

const small = Buffer.allocUnsafe(AT_ONCE);

function digestSmall(fd: number): string {
  const sha256 = createHash('sha256');
  for (;;) {
    const length = readSync(fd, small);
    if (length === 0) return sha256.digest('hex');
    sha256.update(small.subarray(0, length));
  }
}

/** Lets the event loop serve others now and then in a long walk of synchronous calls. */
export class Turns {
  #since = performance.now();

  async pause(signal?: AbortSignal): Promise<void> {
    if (performance.now() - this.#since < 8) return;
    signal?.throwIfAborted();
    await setImmediate();
    this.#since = performance.now();
  }
}
