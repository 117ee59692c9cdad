import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { extractTar } from '../../archive/index.ts';

const SPECIAL = ['char', 'block', 'fifo'];
const SHOWN = 5;

export interface ExtractFolderOptions {
  /** delete: what was in the folder and is not in the tar goes. */
  readonly mode: 'copy' | 'delete';
  readonly note: (text: string) => void;
}

/**
 * Extracts an output's tar into an existing folder. Names and links stay inside it; owners are kept by root only;
 * devices and FIFOs are left out with a note, for a result is files to use, not a root file system to run.
 */
export async function extractFolder(tar: Readable, dir: string, { mode, note }: ExtractFolderOptions): Promise<void> {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const kept = new Set<string>();
  const special: string[] = [];
  await extractTar(tar, {
    dir,
    ...(uid === 0 ? {} : { owner: { uid, gid } }),
    accept: ({ name, type }) => {
      const path = name.replace(/^\.?\/+|\/+$/g, '');
      if (SPECIAL.includes(type)) {
        special.push(path);
        return false;
      }
      if (mode === 'delete') addWithParents(kept, path);
      return true;
    },
  });
  if (special.length > 0)
    note(`left out of the output: ${special.length} special files (${special.slice(0, SHOWN).join(', ')})`);
  if (mode === 'delete') await removeAllBut(kept, dir, '');
}

function addWithParents(kept: Set<string>, path: string): void {
  for (let at = path; at !== '' && !kept.has(at); at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) kept.add(at);
}

/** Looks into real folders only: a symlink is removed or kept, never followed. */
async function removeAllBut(kept: ReadonlySet<string>, dir: string, prefix: string): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = prefix + entry.name;
    const full = join(dir, entry.name);
    if (!kept.has(path)) await rm(full, { recursive: true, force: true });
    else if (entry.isDirectory()) await removeAllBut(kept, full, `${path}/`);
  }
}
