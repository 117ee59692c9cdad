import { constants, lstatSync, type Dirent } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, LadingError } from '../../../errors/index.ts';
import { getXattr } from '../../../sys/index.ts';
import { goModulesOf, mayBeGoProgram } from './go-buildinfo.ts';
import { PACKAGE_FILES, parseOsRelease } from './package-files.ts';
import type { FoundPackage, OsRelease } from './package.ts';

/** What one layer says of packages, alone. Plain JSON: it is remembered by the layer's diffID. */
export interface LayerFindings {
  /** Packages by the file that lists them, without a leading slash. */
  readonly files: Readonly<Record<string, readonly FoundPackage[]>>;
  /** Paths whose earlier content is gone: deleted, or folders that hide what was below. */
  readonly removed: readonly string[];
  readonly os?: OsRelease;
}

export interface ScanLimits {
  /** Default 5 million. */
  readonly maxEntries?: number;
  readonly signal?: AbortSignal;
}

const MAX_ENTRIES = 5_000_000;
const MAX_DEPTH = 200;
const OS_RELEASE = ['etc/os-release', 'usr/lib/os-release'];
const MAX_OS_RELEASE = 64 * 1024;

/**
 * Looks through the folder of an unpacked layer for what package managers leave. Nothing is followed out of it: links are not read, and what is
 * opened is a plain file of a snapshot nobody changes. Waits between folders, so that a large one does not hold up the event loop.
 * @throws resource_exhausted past the limit
 */
export async function scanLayer(folder: string, limits: ScanLimits = {}): Promise<LayerFindings> {
  const scan = new LayerScan(folder, limits);
  await scan.folder('', 0);
  return scan.findings();
}

class LayerScan {
  readonly #root: string;
  readonly #limits: ScanLimits;
  readonly #files = new Map<string, FoundPackage[]>();
  readonly #removed: string[] = [];
  readonly #os = new Map<string, OsRelease>();
  #entries = 0;

  constructor(root: string, limits: ScanLimits) {
    this.#root = root;
    this.#limits = limits;
  }

  findings(): LayerFindings {
    const os = OS_RELEASE.map((path) => this.#os.get(path)).find((found) => found !== undefined);
    const files = [...this.#files].sort(([a], [b]) => (a < b ? -1 : 1));
    return { files: Object.fromEntries(files), removed: this.#removed.sort(), ...(os ? { os } : {}) };
  }

  async folder(path: string, depth: number): Promise<void> {
    const { signal, maxEntries = MAX_ENTRIES } = this.#limits;
    signal?.throwIfAborted();
    if (depth > MAX_DEPTH) return;
    const entries = await this.#entriesOf(path);
    this.#entries += entries.length;
    if (this.#entries > maxEntries)
      throw new LadingError('resource_exhausted', `scan a layer for packages: more than ${maxEntries} files`);
    for (const entry of entries) {
      const child = path === '' ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) await this.folder(child, depth + 1);
      // Overlay's mark of a deletion; images seldom have other devices, and none of them lists packages.
      else if (entry.isCharacterDevice()) this.#removed.push(child);
      else if (entry.isFile()) await this.#file(child);
    }
  }

  /** None of a folder whose name is no text: it cannot be opened by one. */
  async #entriesOf(path: string): Promise<Dirent[]> {
    try {
      if (path !== '' && isOpaque(join(this.#root, path))) this.#removed.push(path);
      return await readdir(join(this.#root, path), { withFileTypes: true });
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' && path !== '') return [];
      throw error;
    }
  }

  async #file(path: string): Promise<void> {
    const kind = PACKAGE_FILES.find(({ matches }) => matches.test(path));
    if (kind) {
      const text = await this.#read(path, kind.maxBytes);
      const found = text === undefined ? [] : kind.parse(text);
      // Also when nothing is in it any more: it replaces what was there.
      this.#files.set(path, found);
    } else if (OS_RELEASE.includes(path)) {
      const os = parseOsRelease((await this.#read(path, MAX_OS_RELEASE)) ?? '');
      if (os) this.#os.set(path, os);
    } else await this.#program(path);
  }

  async #program(path: string): Promise<void> {
    const stat = lstatSync(join(this.#root, path), { throwIfNoEntry: false });
    if (!stat || !mayBeGoProgram(stat)) return;
    const found = await goModulesOf(join(this.#root, path));
    if (found.length > 0) this.#files.set(path, found);
  }

  async #read(path: string, maxBytes: number): Promise<string | undefined> {
    try {
      await using file = await open(join(this.#root, path), constants.O_RDONLY | constants.O_NOFOLLOW);
      const { size } = await file.stat();
      return size > maxBytes ? undefined : await file.readFile('utf8');
    } catch (error) {
      // A name that is no text cannot be opened by one.
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}

function isOpaque(path: string): boolean {
  return ['trusted.overlay.opaque', 'user.overlay.opaque'].some((name) => getXattr(path, name)?.toString() === 'y');
}
