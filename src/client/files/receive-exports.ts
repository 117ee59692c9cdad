import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, constants, mkdir, realpath, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BuildEvent, BuildSettings } from '../types.ts';
import { LadingError, errnoOf, reasonOf } from '../../errors/index.ts';

type ExportEvent = Extract<BuildEvent, { kind: 'export' }>;
type Outputs = NonNullable<BuildSettings['outputs']>;

export interface ReceiveOptions {
  readonly fetch: (id: string) => Promise<Readable>;
  readonly stdout: Writable;
  /** Said to the user when something was left out. */
  readonly note: (text: string) => void;
}

/** Outputs this machine writes. They are checked before the build, so that none fails after it. @throws invalid_argument */
export async function checkDestinations(outputs: Outputs, stdout: { readonly isTTY?: boolean }): Promise<void> {
  for (const { type, attrs } of outputs) {
    const { dest, tar } = attrs;
    if (dest === undefined || dest === '') continue;
    const folder = type === 'local' || tar === 'false';
    if (dest === '-') {
      if (stdout.isTTY === true)
        throw refuse(dest, `dest file is required for ${type} exporter. refusing to write to console`);
    } else await (folder ? checkFolder(dest) : checkFile(dest));
  }
}

async function checkFile(dest: string): Promise<void> {
  const found = await stat(resolve(dest)).catch(() => undefined);
  if (found?.isDirectory() === true) throw refuse(dest, 'destination file is a directory');
  if (found !== undefined && !found.isFile()) return;
  await checkParent(dest, dirname(resolve(dest)));
}

async function checkFolder(dest: string): Promise<void> {
  const path = resolve(dest);
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined && !found.isDirectory()) throw refuse(dest, 'destination directory is a file');
  let parent = path;
  while (parent !== dirname(parent) && (await stat(parent).catch(() => undefined)) === undefined)
    parent = dirname(parent);
  await checkParent(dest, parent);
}

async function checkParent(dest: string, parent: string): Promise<void> {
  try {
    if (!(await stat(parent)).isDirectory()) throw refuse(dest, `"${parent}" is not a directory`);
    await access(parent, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof LadingError) throw error;
    const why = errnoOf(error) === 'ENOENT' ? 'does not exist' : 'is not writable';
    throw refuse(dest, `the folder "${parent}" ${why}`);
  }
}

/**
 * Fetches an announced output and puts it where it was asked to go. Nothing half-written keeps the name: a file is renamed when whole,
 * a new folder too; what goes wrong later in a folder that was there is told.
 * @throws invalid_argument for a place nobody asked for; resource_exhausted when the disk is full; unavailable when the daemon stops in the middle
 */
export async function receiveExport(event: ExportEvent, outputs: Outputs, options: ReceiveOptions): Promise<void> {
  const { id, form, dest, mode = 'copy' } = event;
  // The daemon does not choose where this user's files are written, nor that others are deleted.
  const asked = outputs.filter(({ attrs }) => attrs['dest'] === dest);
  if (asked.length === 0 || (mode === 'delete' && !asked.some(({ attrs }) => attrs['mode'] === 'delete')))
    throw new LadingError(
      'internal',
      `build: the daemon wants to ${mode === 'delete' ? 'delete files in' : 'write to'} "${dest.slice(0, 200)}", which nobody asked for`,
    );
  const stream = await options.fetch(id);
  try {
    if (form === 'local') await receiveFolder(stream, dest, mode, options.note);
    else if (dest === '-') await pipeline(stream, options.stdout, { end: false });
    else await receiveFile(stream, dest);
  } catch (error) {
    throw failed(dest, error);
  } finally {
    stream.destroy();
  }
}

/** Streams to a file, whole or not at all; a place that cannot be written is refused before anything is asked for. @throws as receiveExport() */
export async function streamToFile(source: () => Promise<Readable>, dest: string): Promise<void> {
  await checkFile(dest);
  const stream = await source();
  try {
    await receiveFile(stream, dest);
  } catch (error) {
    throw failed(dest, error);
  } finally {
    stream.destroy();
  }
}

async function receiveFile(stream: Readable, dest: string): Promise<void> {
  const path = await realpath(resolve(dest)).catch(() => resolve(dest));
  const found = await stat(path).catch(() => undefined);
  // A device or a pipe is written to, not replaced.
  if (found !== undefined && !found.isFile()) return pipeline(stream, createWriteStream(path));
  const temporary = besides(path);
  try {
    await pipeline(stream, createWriteStream(temporary, { flags: 'wx', highWaterMark: 1 << 20 }));
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

async function receiveFolder(
  stream: Readable,
  dest: string,
  mode: 'copy' | 'delete',
  note: (text: string) => void,
): Promise<void> {
  const { extractFolder } = await import('./extract-folder.ts');
  const path = resolve(dest);
  if ((await stat(path).catch(() => undefined)) !== undefined) return extractFolder(stream, path, { mode, note });
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = besides(path);
  await mkdir(temporary, { mode: 0o700 });
  try {
    await extractFolder(stream, temporary, { mode: 'copy', note });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

function besides(path: string): string {
  return join(dirname(path), `.${basename(path)}.lading-${randomBytes(6).toString('hex')}`);
}

function failed(dest: string, error: unknown): LadingError {
  const place = dest === '-' ? 'standard output' : `"${dest}"`;
  if (errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT')
    return new LadingError('resource_exhausted', `write output to ${place}: no space left on the device`, {
      cause: error,
      hint: 'free some space, or choose another dest',
    });
  const code = error instanceof LadingError ? error.code : 'internal';
  return new LadingError(code, `write output to ${place}: ${reasonOf(error)}`, { cause: error });
}

function refuse(dest: string, why: string): LadingError {
  return new LadingError('invalid_argument', `output to "${dest}": ${why}`);
}
