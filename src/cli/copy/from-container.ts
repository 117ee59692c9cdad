import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LadingError } from '../../errors/index.ts';
import type { Context } from '../command.ts';
import { isDirectoryMode, isSymlinkMode, meansContents } from './copy-path.ts';
import { unpackWithTar } from './run-tar.ts';

export interface CopyOptions {
  readonly archive: boolean;
  readonly followLink: boolean;
}

/** `cp CONTAINER:PATH LOCAL`; "-" writes the tar to stdout. */
export async function copyFromContainer(
  context: Context,
  container: string,
  source: string,
  target: string,
  options: CopyOptions,
): Promise<void> {
  const { containers } = context.client;
  const path = await followed(context, container, source.replace(/\/\.?$/, '') || '/', options.followLink);
  const { stat: info, tar } = await containers.download(container, path);
  if (target === '-') return pipeline(tar, context.stdout, { end: false });
  const directory = isDirectoryMode(info.mode);
  const keep = options.archive ? ['--same-owner'] : ['--no-same-owner'];
  const found = await stat(target).catch(() => undefined);
  if (found?.isDirectory() === true) {
    const strip = directory && meansContents(source) ? ['--strip-components=1'] : [];
    return unpackWithTar(tar, ['-xpf', '-', '-C', target, ...keep, ...strip]);
  }
  if (directory) {
    if (found !== undefined) throw refuse(tar, `cannot copy a directory over the file "${target}"`);
    await makeTarget(tar, target);
    return unpackWithTar(tar, ['-xpf', '-', '-C', target, '--strip-components=1', ...keep]);
  }
  if (target.endsWith('/')) throw refuse(tar, `destination "${target}" must be a directory`);
  return unpackAs(tar, target, basename(path), keep);
}

async function followed(context: Context, container: string, path: string, follow: boolean): Promise<string> {
  if (!follow) return path;
  const { mode, linkTarget } = await context.client.containers.stat(container, path);
  return isSymlinkMode(mode) && linkTarget !== '' ? posix.resolve('/', posix.dirname(path), linkTarget) : path;
}

async function makeTarget(tar: Readable, target: string): Promise<void> {
  await mkdir(target).catch((error: unknown) => {
    throw refuse(tar, `invalid output path: directory "${dirname(resolve(target))}" does not exist`, error);
  });
}

/** A file under another name: unpacked beside the target and moved there. */
async function unpackAs(tar: Readable, target: string, name: string, keep: readonly string[]): Promise<void> {
  const parent = dirname(resolve(target));
  const folder = await mkdtemp(join(parent, '.lading-cp-')).catch((error: unknown) => {
    throw refuse(tar, `invalid output path: directory "${parent}" does not exist`, error);
  });
  try {
    await unpackWithTar(tar, ['-xpf', '-', '-C', folder, ...keep]);
    await rename(join(folder, name), target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function refuse(tar: Readable, message: string, cause?: unknown): LadingError {
  tar.destroy();
  return new LadingError('invalid_argument', message, { cause });
}
