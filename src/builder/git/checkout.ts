import { appendFile, lutimes, mkdir, readdir, realpath, rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { LadingError } from '../../errors/index.ts';
import { isCommitId, isGitAddress, parseGitAddress, shownGitAddress, type GitAddress } from '../../oci/index.ts';
import type { GitAccess } from './git-auth.ts';
import type { Git } from './git.ts';
import type { GitSource } from './repositories.ts';
import type { ResolvedRef } from './resolve-ref.ts';

type Access = GitAccess & { readonly signal?: AbortSignal | undefined };

export interface CheckoutParts {
  readonly git: Git;
  withRepository<T>(
    address: GitAddress,
    resolved: ResolvedRef,
    access: Access,
    work: (gitDir: string) => Promise<T>,
  ): Promise<T>;
}

interface Submodule {
  readonly path: string;
  readonly commit: string;
  /** What is wanted of it alone. */
  readonly subdir?: string;
}

const MAX_ENTRIES = 5_000_000;
const MAX_BYTES = 64 * 2 ** 30;
const MAX_SUBMODULES = 1000;
const MAX_SUBMODULE_DEPTH = 10;

/**
 * Writes a commit's files (of its subfolder: below the same path) to an empty folder: owned by this process' user, modes 644 and 755, links as they are. No hook and no
 * filter runs.
 * @throws invalid_argument when the subfolder is none; resource_exhausted when it is too much
 */
export async function writeCheckout(
  parts: CheckoutParts,
  source: GitSource,
  dir: string,
  access: Access,
): Promise<void> {
  const indexFile = `${dir}.index`;
  await write(parts, source, dir, { access, depth: 0, indexFile, left: { submodules: MAX_SUBMODULES } });
  await rm(indexFile, { force: true });
  if (source.mtime !== 'commit') return;
  const { address, resolved } = source;
  const seconds = await parts.withRepository(address, resolved, access, (gitDir) =>
    commitTime(parts.git, gitDir, resolved.commit),
  );
  await setTimes(Buffer.from(dir), seconds, source.keepGitDir);
}

interface Walk {
  readonly access: Access;
  readonly depth: number;
  /** One after the other uses it. */
  readonly indexFile: string;
  readonly left: { submodules: number };
}

async function write(parts: CheckoutParts, source: GitSource, dir: string, walk: Walk): Promise<void> {
  const { git } = parts;
  const { address, resolved, keepGitDir } = source;
  const { signal } = walk.access;
  const withDotGit = keepGitDir && address.subdir === '';
  const submodules = await parts.withRepository(address, resolved, walk.access, async (gitDir) => {
    const wanted = within(await listTree(git, gitDir, source, signal), address.subdir);
    const inSubmodule = source.submodules && wanted[0]?.subdir !== undefined;
    await rm(walk.indexFile, { force: true });
    if (!inSubmodule) {
      await checkFolder(git, gitDir, source);
      const indexFile = withDotGit ? join(dir, '.git/index') : walk.indexFile;
      if (withDotGit) await copyRepository(git, gitDir, source, dir, signal);
      const run = { gitDir: withDotGit ? join(dir, '.git') : gitDir, workTree: dir, indexFile, signal };
      const what = `failed to checkout remote ${shownGitAddress(address.remote)}`;
      await git.must(what, ['read-tree', resolved.commit], run);
      await checkOutFiles(git, run, address.subdir, what);
    }
    if (wanted.length === 0 || !source.submodules) return [];
    const urls = await submoduleUrls(git, gitDir, resolved.commit);
    return wanted.map((submodule) => ({ ...submodule, url: urls.get(submodule.path) }));
  });
  for (const submodule of submodules) await writeSubmodule(parts, source, submodule, dir, walk);
}

/** The submodules a subfolder holds, or the one it is in (then with what is left of the path). */
function within(all: readonly Submodule[], subdir: string): Submodule[] {
  if (subdir === '') return [...all];
  const around = all.find(({ path }) => subdir === path || subdir.startsWith(`${path}/`));
  if (around) return [{ ...around, subdir: subdir.slice(around.path.length + 1) }];
  return all.filter(({ path }) => path.startsWith(`${subdir}/`));
}

async function checkFolder(git: Git, gitDir: string, { address, resolved }: GitSource): Promise<void> {
  const { stdout } = await git.run(['cat-file', '-t', `${resolved.commit}:${address.subdir}`], { gitDir });
  if (stdout.trim() === 'tree') return;
  throw new LadingError('invalid_argument', `invalid subdir ${address.subdir}: the repository has no such folder`, {
    hint: `of ${shownGitAddress(address.remote)} at ${resolved.commit}`,
  });
}

/** Through a list, so that only the subfolder is written; its attributes are those of the whole tree. */
async function checkOutFiles(
  git: Git,
  run: Parameters<Git['run']>[1] & object,
  subdir: string,
  what: string,
): Promise<void> {
  if (subdir === '') {
    await git.must(what, ['checkout-index', '--all', '--force', '--quiet'], run);
    return;
  }
  const list: Buffer[] = [];
  const { status } = await git.run(['ls-files', '-z', '--', `:(literal)${subdir}`], {
    ...run,
    onOutput: (chunk) => void list.push(chunk),
  });
  if (status !== 0) throw new LadingError('invalid_argument', what);
  await git.must(what, ['checkout-index', '-z', '--stdin', '--force', '--quiet'], {
    ...run,
    input: Buffer.concat(list),
  });
}

/** Bounds the tree before anything of it is written, and finds its submodules. */
async function listTree(
  git: Git,
  gitDir: string,
  { address, resolved }: GitSource,
  signal: AbortSignal | undefined,
): Promise<Submodule[]> {
  const abort = new AbortController();
  const either = signal ? AbortSignal.any([signal, abort.signal]) : abort.signal;
  const submodules: Submodule[] = [];
  const folder = address.subdir === '' ? '' : `${address.subdir}/`;
  let [entries, bytes, rest] = [0, 0, ''];
  const tooMuch = (what: string): void =>
    abort.abort(new LadingError('resource_exhausted', `repository ${shownGitAddress(address.remote)}: ${what}`));
  const onOutput = (chunk: Buffer): void => {
    const lines = (rest + chunk.toString('latin1')).split('\0');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, mode = '', id = '', size = '', raw = ''] = /^(\d+) \w+ ([0-9a-f]+) +(\S+)\t([^]*)$/.exec(line) ?? [];
      const path = Buffer.from(raw, 'latin1').toString('utf8');
      if (++entries > MAX_ENTRIES) tooMuch(`more than ${MAX_ENTRIES} files`);
      if (/^\d+$/.test(size) && path.startsWith(folder) && (bytes += Number(size)) > MAX_BYTES)
        tooMuch(`more than ${MAX_BYTES} bytes`);
      if (mode === '160000' && isCommitId(id)) submodules.push({ path, commit: id });
      if (submodules.length > MAX_SUBMODULES) tooMuch(`more than ${MAX_SUBMODULES} submodules`);
    }
  };
  const args = ['ls-tree', '-r', '-l', '-z', '--full-tree', resolved.commit];
  const { status } = await git.run(args, { gitDir, onOutput, signal: either });
  if (status === 0) return submodules;
  throw new LadingError('invalid_argument', `${resolved.commit} is no commit of a tree`, {
    hint: `of ${shownGitAddress(address.remote)}`,
  });
}

/** ".git" as BuildKit leaves it: one commit deep, the ref as it is called, no traces of the builder. */
async function copyRepository(
  git: Git,
  gitDir: string,
  { address, resolved }: GitSource,
  dir: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const own = { gitDir: join(dir, '.git'), signal };
  const what = `failed to copy the repository of ${shownGitAddress(address.remote)}`;
  const format = resolved.id.length === 64 ? ['--object-format=sha256'] : [];
  await mkdir(own.gitDir, { mode: 0o755 });
  await git.must(what, ['init', '--quiet', '--template=', ...format], { ...own, workTree: dir });
  const name = resolved.ref ?? `refs/buildkit/${resolved.commit}`;
  const kept = `refs/lading/${resolved.id}`;
  await git.must(what, ['update-ref', kept, resolved.id], { gitDir, signal });
  const args = [
    'fetch',
    '--quiet',
    '--depth=1',
    '--no-tags',
    '--no-write-fetch-head',
    '--',
    `file://${gitDir}`,
    `+${kept}:${name}`,
  ];
  await git.must(what, args, { ...own, protocols: 'file' });
  await git.must(what, ['update-ref', '--no-deref', 'HEAD', resolved.commit], own);
  const remote = `[remote "origin"]\n\turl = "${address.remote.replace(/["\\]/g, '\\$&')}"\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n`;
  await appendFile(join(own.gitDir, 'config'), remote);
}

/** What .gitmodules of the commit says, by path. */
async function submoduleUrls(git: Git, gitDir: string, commit: string): Promise<Map<string, string>> {
  const args = ['config', '--blob', `${commit}:.gitmodules`, '-z', '--get-regexp', '^submodule\\..*\\.(path|url)$'];
  const { status, stdout } = await git.run(args, { gitDir });
  const [paths, urls] = [new Map<string, string>(), new Map<string, string>()];
  if (status !== 0) return urls;
  for (const entry of stdout.split('\0')) {
    const at = entry.indexOf('\n');
    const [key, value] = [entry.slice(0, at), entry.slice(at + 1)];
    const name = key.slice('submodule.'.length, key.lastIndexOf('.'));
    (key.endsWith('.path') ? paths : urls).set(name, value);
  }
  return new Map([...paths].flatMap(([name, path]) => (urls.has(name) ? [[path, urls.get(name)!] as const] : [])));
}

/** As a repository of its own, by the same rules: its address may lead to other machines only, whatever .gitmodules says. */
async function writeSubmodule(
  parts: CheckoutParts,
  parent: GitSource,
  { path, commit, url, subdir = '' }: Submodule & { url: string | undefined },
  dir: string,
  walk: Walk,
): Promise<void> {
  if (url === undefined)
    throw new LadingError('invalid_argument', `submodule "${path}": .gitmodules has no url for it`, {
      hint: 'add ?submodules=false to the address',
    });
  if (walk.depth >= MAX_SUBMODULE_DEPTH || --walk.left.submodules < 0)
    throw new LadingError('resource_exhausted', `submodule "${path}": too many submodules inside one another`);
  const address = { ...submoduleAddress(parent.address, url, path), subdir };
  const resolved = { id: commit, commit };
  const source: GitSource = { ...parent, address, resolved, keepGitDir: false, key: commit };
  const place = await placeOf(dir, path);
  const access = accessTo(address, parent.address, walk.access);
  await write(parts, source, place, { ...walk, access, depth: walk.depth + 1 });
}

/** Makes the folders down to a submodule; nothing on the way is a link. */
async function placeOf(dir: string, path: string): Promise<string> {
  let place = await realpath(dir);
  for (const name of path.split('/')) {
    place = join(place, name);
    await mkdir(place).catch(() => undefined);
    if ((await realpath(place)) !== place)
      throw new LadingError('invalid_argument', `submodule "${path}": its place is behind a link`);
  }
  return place;
}

/**
 * A secret that names no host is for the address the user gave, not for where its submodules lead. None crosses a network in plain text because a
 * repository says so.
 */
export function accessTo(address: GitAddress, parent: GitAddress, access: Access): Access {
  if (address.scheme === 'http' && parent.scheme !== 'http') return { ...access, secrets: undefined };
  if (address.host === parent.host) return access;
  const general = ['GIT_AUTH_TOKEN', 'GIT_AUTH_HEADER'];
  return { ...access, secrets: new Map([...(access.secrets ?? [])].filter(([name]) => !general.includes(name))) };
}

/** "../other.git" is relative to the parent's own address. @throws invalid_argument for what does not lead to another machine */
export function submoduleAddress(parent: GitAddress, url: string, path: string): GitAddress {
  const whole = /^\.\.?\//.test(url) ? relativeTo(parent.remote, url) : url;
  const known = /^(?:https?|git|ssh):\/\//.test(whole) || isGitAddress(whole);
  if (!known || whole.startsWith('github.com/'))
    throw new LadingError(
      'invalid_argument',
      `submodule "${path}": "${shownGitAddress(url)}" is not an https, http, ssh or git address`,
      {
        hint: 'add ?submodules=false to the address',
      },
    );
  const address = parseGitAddress(whole.split(/[?#]/, 1)[0]!);
  const { userinfo } = parent;
  const sameServer = address.host === parent.host && address.scheme === parent.scheme;
  return { ...address, ...(sameServer && userinfo && !address.userinfo ? { userinfo } : {}) };
}

function relativeTo(remote: string, url: string): string {
  const at = /^(?:\w+:\/\/[^/]+|[^:/]+:)/.exec(remote)?.[0].length ?? 0;
  const [place, path] = [remote.slice(0, at), remote.slice(at)];
  const joined = posix.join('/', path, url);
  return place.endsWith(':') && !path.startsWith('/') ? place + joined.slice(1) : place + joined;
}

/** Seconds since 1970. */
export async function commitTime(git: Git, gitDir: string, commit: string): Promise<number> {
  const text = await git.must('read a commit', ['log', '-1', '--no-show-signature', '--format=%ct', commit], {
    gitDir,
  });
  const seconds = Number(text.trim());
  return Number.isFinite(seconds) ? seconds : 0;
}

/** Of everything below a folder, and the folder. */
async function setTimes(dir: Buffer, seconds: number, skipDotGit: boolean): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true, encoding: 'buffer' })) {
    if (skipDotGit && entry.name.toString() === '.git') continue;
    const path = Buffer.concat([dir, Buffer.from('/'), entry.name]);
    if (entry.isDirectory()) await setTimes(path, seconds, false);
    else await lutimes(path, seconds, seconds);
  }
  await lutimes(dir, seconds, seconds);
}
