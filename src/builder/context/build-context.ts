import { closeSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { extractTar } from '../../archive/index.ts';
import { IgnoreMatcher } from '../../dockerfile/index.ts';
import { LadingError, errnoOf } from '../../errors/index.ts';
import type { Downloads, RemoteFile } from '../copy/downloads.ts';
import type { GitRepositories, GitSource } from '../git/repositories.ts';
import type { Scratch } from '../scratch.ts';
import { FileTree } from '../tree/file-tree.ts';
import type { BuildRequest } from '../types.ts';
import { LONE_FILE, httpFiles } from './http-files.ts';

const MAX_DOCKERFILE = 16 << 20;

/** The files a build may use, and its Dockerfile. */
export interface BuildContext extends AsyncDisposable {
  readonly dockerfile: { readonly filename: string; readonly text: string };
  /** The rules of .dockerignore, when there are any. */
  readonly ignore: IgnoreMatcher | undefined;
  /** What they leave visible. */
  readonly tree: FileTree;
  /** The folder, when it is one that stays: then digests of its files are worth remembering. */
  readonly folder: string | undefined;
  /** The commit a Git context is. */
  readonly git?: GitSource;
  /** What a context's address held. */
  readonly http?: RemoteFile;
}

export interface OpenContextOptions {
  readonly scratch: Scratch;
  readonly downloads: Downloads;
  readonly repositories: GitRepositories;
  readonly signal?: AbortSignal;
}

/** Opens the context: a folder in place, a tar unpacked into a scratch folder which disposing removes. @throws invalid_argument, not_found */
export async function openContext(request: BuildRequest, options: OpenContextOptions): Promise<BuildContext> {
  const { root, release, stays = false, git, http, dockerfileName } = await contextFolder(request, options);
  let whole: FileTree | undefined;
  try {
    whole = new FileTree(root);
    const dockerfile = readDockerfile(
      whole,
      dockerfileName === undefined ? request : { ...request, dockerfile: dockerfileName },
    );
    const ignore = readIgnore(whole, dockerfile.path, git || http ? (request.ignoreText ?? '') : request.ignoreText);
    const tree = ignore ? new FileTree(root, ignore) : whole;
    if (tree !== whole) whole[Symbol.dispose]();
    return {
      dockerfile: { filename: dockerfile.filename, text: dockerfile.text },
      ignore,
      tree,
      folder: stays ? root : undefined,
      ...(git ? { git } : {}),
      ...(http ? { http } : {}),
      [Symbol.asyncDispose]: async () => {
        tree[Symbol.dispose]();
        await release();
      },
    };
  } catch (error) {
    whole?.[Symbol.dispose]();
    await release();
    throw error;
  }
}

interface Folder {
  readonly root: string;
  /** It is there for the next build, too. */
  readonly stays?: boolean;
  readonly git?: GitSource;
  readonly http?: RemoteFile;
  /** The Dockerfile, when the context is it. */
  readonly dockerfileName?: string;
  release(): Promise<void>;
}

async function contextFolder(request: BuildRequest, options: OpenContextOptions): Promise<Folder> {
  const { context } = request;
  switch (context.kind) {
    case 'directory':
      return { root: localFolder(context.path), stays: true, release: async () => undefined };
    case 'git':
      return gitFolder(request, context.address, options);
    case 'http':
      return httpFolder(request, context.address, options);
    case 'tar':
      return unpackedFolder(context.stream, options);
  }
}

async function gitFolder(
  request: BuildRequest,
  address: string,
  { repositories, signal }: OpenContextOptions,
): Promise<Folder> {
  const { buildArgs, secrets, ssh } = request;
  const access = { secrets, sshAgent: ssh?.['default'], signal };
  const source = await repositories.resolve(address, {
    ...access,
    ...(isTrue(buildArgs['BUILDKIT_CONTEXT_KEEP_GIT_DIR']) ? { keepGitDir: true } : {}),
    ...((buildArgs['SOURCE_DATE_EPOCH'] ?? '') === '' ? {} : { mtime: 'commit' }),
  });
  const { path, release } = await repositories.checkout(source, access);
  return { root: path, stays: true, git: source, release };
}

/** An archive's entries, or the file alone, which is the Dockerfile then. */
async function httpFolder(
  { secrets }: BuildRequest,
  url: string,
  { scratch, downloads, signal }: OpenContextOptions,
): Promise<Folder> {
  const [from, into] = [await scratch.folder('contexts'), await scratch.folder('contexts')];
  try {
    const { file, isAlone } = await httpFiles(url, { downloads, secrets, scratch: from.path, into: into.path, signal });
    const { path: root, release } = into;
    return { root, release, http: file, ...(isAlone ? { dockerfileName: LONE_FILE } : {}) };
  } catch (error) {
    await into.release();
    throw error;
  } finally {
    await from.release();
  }
}

function isTrue(text: string | undefined): boolean {
  return text !== undefined && ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text);
}

async function unpackedFolder(stream: Readable, { scratch, signal }: OpenContextOptions): Promise<Folder> {
  const folder = await scratch.folder('contexts');
  try {
    // A step may see it as a bind mount; the folders above keep others out.
    await chmod(folder.path, 0o755);
    // Steps see a context's files as root's: so they can be mounted as they are.
    await extractTar(stream, { dir: folder.path, owner: { uid: 0, gid: 0 }, ...(signal ? { signal } : {}) });
    return { root: folder.path, release: folder.release };
  } catch (error) {
    await folder.release();
    throw error;
  }
}

/** @throws not_found, invalid_argument */
export function localFolder(path: string, name?: string): string {
  const what = name === undefined ? 'unable to prepare context' : `unable to prepare context ${name}`;
  try {
    const real = realpathSync(path);
    if (statSync(real).isDirectory()) return real;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw error;
    throw new LadingError('not_found', `${what}: path "${path}" not found`, { cause: error });
  }
  throw new LadingError('invalid_argument', `${what}: path "${path}" is not a directory`, {
    hint: 'give the folder, and the Dockerfile with -f',
  });
}

function readDockerfile(tree: FileTree, request: BuildRequest): { filename: string; path: string; text: string } {
  const filename = request.dockerfile === '' ? 'Dockerfile' : request.dockerfile;
  const path = posix.normalize(`/${filename}`).slice(1);
  if (request.dockerfileText !== undefined) return { filename, path, text: request.dockerfileText };
  const text = readText(tree, path) ?? (path === 'Dockerfile' ? readText(tree, 'dockerfile') : undefined);
  if (text !== undefined) return { filename, path, text };
  throw new LadingError('invalid_argument', `failed to read dockerfile: open ${filename}: no such file or directory`, {
    hint: 'the context folder holds no such file: name the Dockerfile with -f',
  });
}

/** `own`, else `<Dockerfile>.dockerignore`, else `.dockerignore`. As in BuildKit, repositories and archives have no rules: callers give ''. */
export function readIgnore(tree: FileTree, dockerfile: string, own: string | undefined): IgnoreMatcher | undefined {
  const text = own ?? readText(tree, `${dockerfile}.dockerignore`) ?? readText(tree, '.dockerignore');
  return text === undefined || text.trim() === '' ? undefined : IgnoreMatcher.parse(text);
}

function readText(tree: FileTree, path: string): string | undefined {
  const real = tree.resolve(path);
  const stat = real === undefined ? undefined : tree.stat(real);
  if (real === undefined || stat?.type !== 'file') return undefined;
  if (stat.size > MAX_DOCKERFILE)
    throw new LadingError(
      'invalid_argument',
      `failed to read "${path}": ${stat.size} bytes, more than ${MAX_DOCKERFILE}`,
    );
  const fd = tree.open(real);
  try {
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}
