import { writeFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { streamToFile } from '../client/files/index.ts';
import { LadingError, reasonOf } from '../errors/index.ts';
import type { Context } from './command.ts';

/** Streams to a file (whole or not at all) or, without one, to stdout, which must not be a terminal. */
export async function writeOutput(
  context: Context,
  source: () => Promise<Readable>,
  path: string | undefined,
): Promise<void> {
  if (path !== undefined) return streamToFile(source, path);
  if (context.stdout.isTTY)
    throw new LadingError('invalid_argument', 'cowardly refusing to save to a terminal. Use the -o flag or redirect');
  await pipeline(await source(), context.stdout, { end: false });
}

/** Writes a small file; `what` is what the user misses when that fails. @throws invalid_argument */
export function writeSmallFile(path: string, text: string, what: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new LadingError('invalid_argument', `write ${what} to "${path}": ${reasonOf(error)}`, { cause: error });
  }
}
