import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { autoDecompress, readTar } from '../../archive/index.ts';
import { LadingError, isLadingError } from '../../errors/index.ts';
import { isGitAddress } from '../../oci/index.ts';
import type { FileTree } from '../tree/file-tree.ts';

/** Whether an ADD source is an address. @throws not_implemented for a repository */
export function isRemote(source: string): boolean {
  if (isGitAddress(source))
    throw new LadingError('not_implemented', `ADD "${source.slice(0, 300)}": Git repositories are not supported`, {
      hint: 'clone it into the build context and COPY it',
    });
  return /^https?:\/\//.test(source);
}

/** The bytes of a file in a tree; the receiver destroys the stream. */
export function readFileOf(tree: FileTree, path: string): Readable {
  return createReadStream('', { fd: tree.open(path), autoClose: true, start: 0, highWaterMark: 256 * 1024 });
}

/** Whether a file is a tar archive, packed or not, by its content. */
export async function isArchive(tree: FileTree, path: string): Promise<boolean> {
  const source = readFileOf(tree, path);
  try {
    const { stream } = await autoDecompress(source);
    for await (const _entry of readTar(stream)) return true;
    return false;
  } catch (error) {
    if (isLadingError(error, 'invalid_argument')) return false;
    throw error;
  } finally {
    source.destroy();
  }
}
