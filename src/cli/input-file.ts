import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { LadingError, reasonOf } from '../errors/index.ts';
import type { Context } from './command.ts';

/** A file, or stdin for undefined and "-" (refused when that is a terminal). */
export async function openInput(context: Context, path: string | undefined): Promise<Readable> {
  if (path !== undefined && path !== '-') {
    const file = await open(path).catch((error: unknown) => {
      throw new LadingError('invalid_argument', `cannot read "${path}": ${reasonOf(error)}`, { cause: error });
    });
    return file.createReadStream({ highWaterMark: 256 * 1024 });
  }
  if (context.stdin.isTTY)
    throw new LadingError('invalid_argument', 'requested load from stdin, but stdin is empty', {
      hint: 'name a file with -i, or redirect one to stdin',
    });
  return context.stdin;
}
