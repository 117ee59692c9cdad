import { lstatSync, readdirSync, type BigIntStats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { fsPath, textOfLatin1 } from '../byte-text.ts';
import { isOpaqueFolder, LayerStack } from '../extract/layer-stack.ts';
import { isWhiteoutStat } from '../extract/stat-at.ts';

/** Added, changed, deleted; as `docker diff` shows them. */
export interface Change {
  readonly kind: 'A' | 'C' | 'D';
  /** Absolute inside the container. */
  readonly path: string;
}

export interface ChangesOptions {
  readonly signal?: AbortSignal;
}

/**
 * What an overlay's upper folder changes, in order of the paths. As Docker reports it: a folder is changed when something in it or its own mode or owner is,
 * never because of its time; a file when mode, owner, size or time differ; of a deleted folder only the folder is named.
 */
export async function changesOfUpper(
  upperDir: string,
  lowerDirs: readonly string[],
  options: ChangesOptions = {},
): Promise<Change[]> {
  const walk = new ChangeWalk(upperDir, new LayerStack(lowerDirs), options.signal);
  await walk.folder('', true);
  return walk.changes;
}

class ChangeWalk {
  readonly changes: Change[] = [];
  readonly #upperDir: string;
  readonly #lower: LayerStack;
  readonly #signal: AbortSignal | undefined;

  constructor(upperDir: string, lower: LayerStack, signal: AbortSignal | undefined) {
    this.#upperDir = upperDir;
    this.#lower = lower;
    this.#signal = signal;
  }

  /** @param merged whether the folder shows lower layers too */
  async folder(path: string, merged: boolean): Promise<void> {
    this.#signal?.throwIfAborted();
    await setImmediate();
    const folder = path === '' ? this.#upperDir : `${this.#upperDir}/${path}`;
    const names = new Set(readdirSync(fsPath(folder), { encoding: 'latin1' }).map(textOfLatin1));
    const hidden = merged && path !== '' && isOpaqueFolder(folder) ? this.#lower.names(path) : new Set<string>();
    for (const name of [...new Set([...names, ...hidden])].sort()) {
      const child = path === '' ? name : `${path}/${name}`;
      if (names.has(name)) await this.#entry(child, merged);
      else this.#add('D', child);
    }
  }

  async #entry(path: string, merged: boolean): Promise<void> {
    const below = merged ? this.#lower.find(path) : undefined;
    const here = lstatSync(fsPath(`${this.#upperDir}/${path}`), { bigint: true, throwIfNoEntry: false });
    if (!here) return;
    if (isWhiteoutStat(here)) {
      if (below) this.#add('D', path);
      return;
    }
    const at = this.changes.length;
    const bothFolders = here.isDirectory() && below?.stats.isDirectory() === true;
    if (here.isDirectory()) await this.folder(path, bothFolders);
    if (!below) this.#insert(at, { kind: 'A', path: `/${path}` });
    else if (this.changes.length > at || differs(here, below.stats)) this.#insert(at, { kind: 'C', path: `/${path}` });
  }

  #add(kind: Change['kind'], path: string): void {
    this.changes.push({ kind, path: `/${path}` });
  }

  #insert(at: number, change: Change): void {
    this.changes.splice(at, 0, change);
  }
}

function differs(a: BigIntStats, b: BigIntStats): boolean {
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid || a.rdev !== b.rdev) return true;
  return !a.isDirectory() && (a.size !== b.size || a.mtimeNs !== b.mtimeNs);
}
