import { createWriteStream, type WriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LadingError } from '../errors/index.ts';
import type { Context } from './command.ts';

/** Streams to a file (whole or not at all) or, without one, to stdout, which must not be a terminal. */
export async function writeOutput(
  context: Context,
  source: () => Promise<Readable>,
  path: string | undefined,
): Promise<void> {
  if (path === undefined) {
    if (context.stdout.isTTY)
      throw new LadingError('invalid_argument', 'cowardly refusing to save to a terminal. Use the -o flag or redirect');
    await pipeline(await source(), context.stdout, { end: false });
    return;
  }
  const partial = `${path}.${process.pid}.partial`;
  try {
    const file: WriteStream = createWriteStream(partial);
    await pipeline(await source(), file);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
