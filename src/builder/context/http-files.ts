import { createReadStream } from 'node:fs';
import { chmod, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { extractTar } from '../../archive/index.ts';
import { isArchive } from '../copy/add-sources.ts';
import type { Downloads, RemoteFile } from '../copy/downloads.ts';
import { FileTree } from '../tree/file-tree.ts';
import type { BuildRequest } from '../types.ts';

/** Name of a downloaded context that is no archive, as in BuildKit. */
export const LONE_FILE = 'context';

export interface HttpFilesOptions {
  readonly downloads: Downloads;
  readonly secrets: BuildRequest['secrets'];
  /** Empty; the download goes here. */
  readonly scratch: string;
  /** Empty; the files go here. */
  readonly into: string;
  readonly signal?: AbortSignal | undefined;
}

/** What an address holds, as a folder: the entries of an archive, told by its content, else the file alone. */
export async function httpFiles(
  url: string,
  { downloads, secrets, scratch, into, signal }: HttpFilesOptions,
): Promise<{ file: RemoteFile; isAlone: boolean }> {
  const options = { folder: scratch, secrets, ...(signal ? { signal } : {}) };
  const looked = await downloads.look(url, options);
  const path = looked.path ?? (await downloads.fetch(url, looked.file, options));
  // A step may see it as a bind mount; the folders above keep others out.
  await chmod(into, 0o755);
  using tree = new FileTree(scratch);
  const isAlone = !(await isArchive(tree, basename(path)));
  if (isAlone) await rename(path, join(into, LONE_FILE));
  else await extractTar(createReadStream(path), { dir: into, ...(signal ? { signal } : {}) });
  return { file: looked.file, isAlone };
}
