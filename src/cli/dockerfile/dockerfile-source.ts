import { readFileSync, realpathSync, statSync } from 'node:fs';
import { LadingError, errnoOf } from '../../errors/index.ts';
import type { Context } from '../command.ts';

export interface DockerfileSource {
  /** As named by the user; "Dockerfile" for standard input. */
  readonly name: string;
  readonly text: string;
  /** Where links lead; absent for standard input. */
  readonly path?: string;
  readonly mode?: number;
}

const MAX_BYTES = 4 << 20;

/** Reads FILE, "-" for standard input, by default "Dockerfile". It must be text that can be written back byte for byte. @throws not_found, invalid_argument */
export async function readDockerfile(context: Context, file = 'Dockerfile'): Promise<DockerfileSource> {
  if (file === '-') return { name: 'Dockerfile', text: decode(await readAll(context.stdin), 'standard input') };
  try {
    const path = realpathSync(file);
    const { size, mode } = statSync(path);
    if (size > MAX_BYTES) throw tooLarge(file);
    return { name: file, text: decode(readFileSync(path), file), path, mode: mode & 0o7777 };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR')
      throw new LadingError('not_found', `cannot read ${file}: no such file or directory`, {
        hint: 'name the Dockerfile, or "-" for standard input',
      });
    if (errno === 'EISDIR') throw new LadingError('invalid_argument', `cannot read ${file}: it is a folder`);
    throw error;
  }
}

function decode(bytes: Buffer, name: string): string {
  const text = bytes.toString('utf8');
  if (Buffer.from(text).equals(bytes)) return text;
  throw new LadingError('invalid_argument', `cannot read ${name}: it is not UTF-8 text`, { hint: 'save it as UTF-8' });
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > MAX_BYTES) throw tooLarge('standard input');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(name: string): LadingError {
  return new LadingError('invalid_argument', `cannot read ${name}: more than ${MAX_BYTES} bytes`);
}
