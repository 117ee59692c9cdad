import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { autoDecompress, readTar } from '../../archive/index.ts';
import type { AddInstruction } from '../../dockerfile/index.ts';
import { LadingError, isLadingError } from '../../errors/index.ts';
import { isGitAddress } from '../../oci/index.ts';
import type { FileTree } from '../tree/file-tree.ts';

/** What an ADD source is. "github.com/…" without a scheme is a path here. */
export function sourceKind(source: string): 'local' | 'http' | 'git' {
  if (isGitAddress(source) && !source.startsWith('github.com/')) return 'git';
  return /^https?:\/\//.test(source) ? 'http' : 'local';
}

/** The sources of a COPY are in the context, a stage or an image. @throws invalid_argument */
export function refuseRemote(sources: readonly string[]): void {
  for (const source of sources) {
    const kind = sourceKind(source);
    if (kind === 'local') continue;
    const what = kind === 'git' ? 'a git ref' : 'a URL';
    throw new LadingError('invalid_argument', `source can't be ${what} for COPY`, { hint: 'ADD takes such sources' });
  }
}

/** @throws invalid_argument for a --checksum that says nothing about what is added */
export function checkChecksum({ checksum, sources }: AddInstruction): void {
  if (checksum === undefined) return;
  if (sources.length !== 1)
    throw new LadingError('invalid_argument', "checksum can't be specified for multiple sources");
  if (sourceKind(sources[0]!) === 'local')
    throw new LadingError('invalid_argument', 'checksum requires HTTP(S) or Git sources');
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
