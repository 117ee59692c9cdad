import { stat } from 'node:fs/promises';
import { basename, dirname, posix, resolve } from 'node:path';
import { LadingError, isLadingError } from '../../errors/index.ts';
import type { PathStat } from '../../client/index.ts';
import type { Context } from '../command.ts';
import { isDirectoryMode, isSymlinkMode, meansContents } from './copy-path.ts';
import type { CopyOptions } from './from-container.ts';
import { packWithTar, transformName } from './run-tar.ts';

const MAX_LINKS = 10;

/** `cp LOCAL CONTAINER:PATH`; "-" reads a tar from stdin. */
export async function copyToContainer(
  context: Context,
  source: string,
  container: string,
  target: string,
  options: CopyOptions,
): Promise<void> {
  const query = { noOverwriteDirNonDir: 'true', ...(options.archive ? { copyUIDGID: 'true' } : {}) };
  const { path, info } = await findTarget(context, container, target);
  const { containers } = context.client;
  if (source === '-') {
    if (info === undefined || !isDirectoryMode(info.mode))
      throw new LadingError('invalid_argument', `destination "${container}:${target}" must be a directory`);
    return containers.upload(container, path, context.stdin, query);
  }
  const local = resolve(source);
  const found = await stat(local).catch(() => undefined);
  if (found === undefined) throw new LadingError('invalid_argument', `lstat ${local}: no such file or directory`);
  const links = options.followLink ? ['-h'] : [];
  if (info !== undefined && isDirectoryMode(info.mode)) {
    const what = found.isDirectory() && meansContents(source) ? [local, '.'] : [dirname(local), basename(local)];
    return containers.upload(
      container,
      path,
      packWithTar(['-cf', '-', ...links, '-C', what[0] ?? '', '--', what[1] ?? '']),
      query,
    );
  }
  if (found.isDirectory() && info !== undefined)
    throw new LadingError('invalid_argument', `cannot copy a directory over the file "${container}:${target}"`);
  if (!found.isDirectory() && target.endsWith('/'))
    throw new LadingError('invalid_argument', `destination directory "${container}:${target}" does not exist`);
  const name = transformName(posix.basename(path));
  const pack = found.isDirectory()
    ? [`--transform=s,^\\.,${name},rhS`, '-C', local, '.']
    : [`--transform=s,^.*$,${name},rhS`, '-C', dirname(local), '--', basename(local)];
  return containers.upload(container, posix.dirname(path), packWithTar(['-cf', '-', ...links, ...pack]), query);
}

/** The path with its last links followed, and what is there. */
async function findTarget(
  context: Context,
  container: string,
  target: string,
): Promise<{ path: string; info: PathStat | undefined }> {
  let path = posix.resolve('/', target);
  for (let links = 0; links < MAX_LINKS; links++) {
    const info = await context.client.containers.stat(container, path).catch(missing);
    if (info === undefined || !isSymlinkMode(info.mode) || info.linkTarget === '') return { path, info };
    path = posix.resolve('/', posix.dirname(path), info.linkTarget);
  }
  throw new LadingError('invalid_argument', `too many links at "${container}:${target}"`);
}

/** A missing container fails at the upload, with its own message. */
function missing(error: unknown): undefined {
  if (!isLadingError(error, 'not_found')) throw error;
  return undefined;
}
