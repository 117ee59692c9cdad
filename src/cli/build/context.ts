import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, isAbsolute, relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { tarOfFolder } from '../../client/files/index.ts';
import type { BuildContext } from '../../client/index.ts';
import { LadingError } from '../../errors/index.ts';
import { isGitAddress } from '../../oci/index.ts';
import type { Context } from '../command.ts';
import type { DescribedProgram } from './program.ts';

export interface ResolvedContext {
  readonly context: BuildContext;
  /** Path inside the context. */
  readonly dockerfile?: string | undefined;
  /** A Dockerfile from elsewhere, and its own ignore file. */
  readonly dockerfileText?: string | undefined;
  readonly ignoreText?: string | undefined;
}

const BLOCK = 512;
const MAX_DOCKERFILE_BYTES = 4 << 20;

/** What the arguments PATH and -f mean: a folder read in place, a tar of it for daemons elsewhere, stdin, or an address. */
export async function resolveContext(
  context: Context,
  path: string,
  file: string | undefined,
  inPlace: boolean,
  program?: DescribedProgram,
): Promise<ResolvedContext> {
  if (program) return { ...program, ...(await contextAlone(context, path, program, inPlace)) };
  // Archives are taken as they are: what they leave out they leave out, whatever .dockerignore says.
  if (path === '-') return { ...(await fromStdin(context, file)), ignoreText: '' };
  // "github.com/x/y" may be a folder, too.
  if (isGitAddress(path) && !existsSync(path)) return { context: { kind: 'git', address: path }, dockerfile: file };
  if (/^https?:\/\//.test(path)) return { context: { kind: 'http', address: path }, dockerfile: file };
  const folder = folderOf(path);
  const source = await dockerfileOf(context, folder, file);
  return { context: contextOf(folder, inPlace), ...source };
}

/** The context of a build whose Dockerfile is known. */
async function contextAlone(
  context: Context,
  path: string,
  { ignoreText: own }: DescribedProgram,
  inPlace: boolean,
): Promise<Pick<ResolvedContext, 'context' | 'ignoreText'>> {
  if (path !== '-' && !isGitAddress(path) && !/^https?:\/\//.test(path))
    return { context: contextOf(folderOf(path), inPlace), ignoreText: own };
  const { context: files, ignoreText } = await resolveContext(context, path, undefined, inPlace);
  return { context: files, ignoreText: own ?? ignoreText };
}

function folderOf(path: string): string {
  const folder = resolve(path);
  if (!existsSync(folder)) throw cannotPrepare(`path "${path}" not found`);
  if (!statSync(folder).isDirectory()) throw cannotPrepare(`path "${path}" is not a folder`);
  return folder;
}

function contextOf(folder: string, inPlace: boolean): BuildContext {
  return inPlace ? { kind: 'directory', path: folder } : { kind: 'tar', tar: tarOfFolder(folder) };
}

/** Docker looks for -f from the working directory; a file outside the context is sent as text. */
async function dockerfileOf(
  context: Context,
  folder: string,
  file: string | undefined,
): Promise<Omit<ResolvedContext, 'context'>> {
  if (file === '-') return { dockerfileText: (await readStdin(context)).toString('utf8') };
  const path = file === undefined ? resolve(folder, 'Dockerfile') : resolve(file);
  if (!existsSync(path))
    throw new LadingError(
      'invalid_argument',
      `failed to read dockerfile: open ${file ?? 'Dockerfile'}: no such file or directory`,
    );
  if (file === undefined) return {};
  const inside = relative(folder, path);
  if (!inside.startsWith('..') && !isAbsolute(inside)) return { dockerfile: inside };
  const ignore = `${path}.dockerignore`;
  return {
    dockerfile: basename(path),
    dockerfileText: readFileSync(path, 'utf8'),
    ignoreText: existsSync(ignore) ? readFileSync(ignore, 'utf8') : undefined,
  };
}

async function fromStdin(context: Context, file: string | undefined): Promise<ResolvedContext> {
  if (file === '-') throw cannotPrepare('cannot use stdin for both build context and Dockerfile');
  return archiveOrDockerfile(context.stdin as AsyncIterable<Buffer>, file);
}

/** Bytes that are a tar (of any compression), or a Dockerfile alone. */
async function archiveOrDockerfile(source: AsyncIterable<Buffer>, file: string | undefined): Promise<ResolvedContext> {
  const iterator = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  let ended = false;
  while (head.length < BLOCK && !ended) {
    const { value, done } = await iterator.next();
    if (done === true) ended = true;
    else head = Buffer.concat([head, value]);
  }
  const all = async function* (): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    if (!ended) yield* { [Symbol.asyncIterator]: () => iterator };
  };
  if (isArchive(head)) return { context: { kind: 'tar', tar: Readable.from(all()) }, dockerfile: file };
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of all()) {
    if ((size += chunk.length) > MAX_DOCKERFILE_BYTES) throw cannotPrepare('the Dockerfile is larger than 4 MiB');
    chunks.push(chunk);
  }
  return {
    context: { kind: 'tar', tar: Readable.from([tarOfFile('Dockerfile', Buffer.concat(chunks))]) },
    dockerfile: undefined,
  };
}

async function readStdin(context: Context): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of context.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_DOCKERFILE_BYTES) throw cannotPrepare('the Dockerfile from stdin is larger than 4 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** gzip, bzip2, xz, zstd or a tar header. */
function isArchive(head: Buffer): boolean {
  const magics = ['1f8b', '425a68', 'fd377a585a00', '28b52ffd'];
  if (magics.some((magic) => head.subarray(0, magic.length / 2).toString('hex') === magic)) return true;
  return head.length >= BLOCK && head.toString('latin1', 257, 262) === 'ustar';
}

/** A tar with one file. */
export function tarOfFile(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
  header.write(name, 0);
  header.write(octal(0o644, 8) + octal(0, 8) + octal(0, 8) + octal(content.length, 12) + octal(0, 12), 100);
  header.write('        0', 148);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  return Buffer.concat([header, content, padding, Buffer.alloc(2 * BLOCK)]);
}

function cannotPrepare(why: string): LadingError {
  return new LadingError('invalid_argument', `unable to prepare context: ${why}`);
}
