import { hash } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyedLock } from '../../base/index.ts';
import { LadingError } from '../../errors/index.ts';
import { parseGitAddress, shownGitAddress, type GitAddress } from '../../oci/index.ts';
import { commitTime, writeCheckout } from './checkout.ts';
import { authConfig, type GitAccess } from './git-auth.ts';
import { Git, REMOTE_PROTOCOLS, type GitRun } from './git.ts';
import { resolveRef, type ResolvedRef } from './resolve-ref.ts';

/** A repository at one commit, with all that decides which files it gives. */
export interface GitSource {
  readonly address: GitAddress;
  readonly resolved: ResolvedRef;
  readonly keepGitDir: boolean;
  readonly submodules: boolean;
  readonly mtime: 'checkout' | 'commit';
  /** Says what the files are, whatever the address: the commit, and how it is checked out. */
  readonly key: string;
}

/** Files of a commit on this machine, until it is released. */
export interface Checkout {
  readonly path: string;
  release(): Promise<void>;
}

export interface ResolveOptions extends GitAccess {
  /** What the Dockerfile or the caller says besides the address. @throws invalid_argument when they contradict it */
  readonly keepGitDir?: boolean | undefined;
  readonly checksum?: string | undefined;
  readonly mtime?: 'commit' | undefined;
  readonly signal?: AbortSignal | undefined;
}

const MAX_CHECKOUTS = 12;
const MAX_REPOSITORIES = 100;

/**
 * Git repositories as sources of files: one bare repository for each remote, fetched shallow, and checkouts of commits that are kept for the next build.
 * All of it can be removed at any time when no build runs: it is only a cache.
 */
export class GitRepositories {
  readonly #folder: string;
  readonly #git: Git;
  readonly #locks = new KeyedLock();
  readonly #users = new Map<string, number>();

  constructor(folder: string, options: { readonly idleMs?: number } = {}) {
    this.#folder = folder;
    this.#git = new Git({ knownHosts: join(folder, 'known_hosts'), idleMs: options.idleMs });
  }

  /** What an address means now; asks the server which commit a name is. @throws invalid_argument; unavailable; deadline_exceeded */
  async resolve(text: string, options: ResolveOptions = {}): Promise<GitSource> {
    const parsed = parseGitAddress(text);
    const { checksum, keepGitDir } = options;
    if (keepGitDir !== undefined && parsed.keepGitDir !== undefined && keepGitDir !== parsed.keepGitDir)
      throw new LadingError('invalid_argument', 'inconsistent keep-git-dir configuration', {
        hint: 'the address and the flag contradict each other',
      });
    if (checksum !== undefined && parsed.checksum !== undefined && checksum.toLowerCase() !== parsed.checksum)
      throw new LadingError('invalid_argument', `checksum mismatch "${checksum}" != "${parsed.checksum}"`);
    const address = checksum === undefined ? parsed : parseGitAddress(withChecksum(text, checksum, parsed));
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const resolved = await resolveRef(this.#git, address, runOptions(address, options));
    const wanted = {
      keepGitDir: parsed.keepGitDir ?? keepGitDir ?? false,
      submodules: parsed.submodules ?? true,
      mtime: parsed.mtime ?? options.mtime ?? 'checkout',
    } as const;
    return { address, resolved, ...wanted, key: keyOf(address, resolved, wanted) };
  }

  /** The commit's files, fetched and written when no build did it before. They are read only. The caller releases them. */
  async checkout(
    source: GitSource,
    access: GitAccess & { readonly signal?: AbortSignal | undefined },
  ): Promise<Checkout> {
    const name = hash('sha256', JSON.stringify([source.address.remote, source.key])).slice(0, 40);
    const path = join(this.#folder, 'checkouts', name);
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    const release = async (): Promise<void> => {
      const left = (this.#users.get(name) ?? 1) - 1;
      if (left > 0) this.#users.set(name, left);
      else this.#users.delete(name);
      await this.#trim('checkouts', MAX_CHECKOUTS);
    };
    try {
      await this.#locks.run(path, async () => {
        if (!(await exists(path))) await this.#make(source, path, access);
        await touch(path);
      });
      return { path: join(path, 'files', source.address.subdir), release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** When a source's commit was made, seconds since 1970. */
  commitTime({ address, resolved }: GitSource, access: GitAccess): Promise<number> {
    return this.#withRepository(address, resolved, access, (gitDir) => commitTime(this.#git, gitDir, resolved.commit));
  }

  /** Forgets all that no running build uses, and the keys of ssh servers. */
  async prune(): Promise<void> {
    await this.#trim('checkouts', 0);
    await this.#trim('repositories', 0);
    await rm(join(this.#folder, 'known_hosts'), { force: true });
  }

  /** Complete, or not there. */
  async #make(
    source: GitSource,
    path: string,
    access: GitAccess & { readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    const partial = `${path}.partial`;
    await rm(partial, { recursive: true, force: true });
    const files = join(partial, 'files');
    await mkdir(files, { recursive: true });
    // A step may see it as a bind mount; the folders above keep others out.
    for (const folder of [partial, files]) await chmod(folder, 0o755);
    try {
      await writeCheckout(
        { git: this.#git, withRepository: (...args) => this.#withRepository(...args) },
        source,
        files,
        access,
      );
      await rename(partial, path);
    } catch (error) {
      await rm(partial, { recursive: true, force: true });
      throw error;
    }
    await this.#trim('repositories', MAX_REPOSITORIES);
  }

  /** Runs `work` with a bare repository that holds the commit; nobody else uses the repository meanwhile. */
  #withRepository<T>(
    address: GitAddress,
    resolved: ResolvedRef,
    access: GitAccess & { readonly signal?: AbortSignal | undefined },
    work: (gitDir: string) => Promise<T>,
  ): Promise<T> {
    const name = hash('sha256', `${address.remote} ${resolved.id.length}`).slice(0, 40);
    const gitDir = join(this.#folder, 'repositories', name);
    return this.#locks.run(gitDir, async () => {
      this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
      try {
        await this.#initialise(gitDir, resolved.id.length === 64);
        await this.#fetch(gitDir, address, resolved, runOptions(address, access));
        await touch(gitDir);
        return await work(gitDir);
      } finally {
        this.#users.delete(name);
      }
    });
  }

  async #initialise(gitDir: string, sha256: boolean): Promise<void> {
    if (await exists(join(gitDir, 'HEAD'))) {
      // What a killed process left.
      for (const lock of ['shallow.lock', 'packed-refs.lock', 'HEAD.lock'])
        await rm(join(gitDir, lock), { force: true });
      return;
    }
    await rm(gitDir, { recursive: true, force: true });
    await mkdir(gitDir, { recursive: true, mode: 0o700 });
    const format = sha256 ? ['--object-format=sha256'] : [];
    await this.#git.must('make a Git repository', ['init', '--bare', '--quiet', '--template=', ...format], { gitDir });
  }

  /** Only the commit where the server allows it, else all that its branches and tags lead to. */
  async #fetch(gitDir: string, address: GitAddress, { id, ref }: ResolvedRef, run: GitRun): Promise<void> {
    const has = async (): Promise<boolean> =>
      (await this.#git.run(['cat-file', '-e', `${id}^{commit}`], { gitDir })).status === 0;
    if (await has()) return;
    const target = `refs/lading/${id}`;
    const everything = ['+refs/heads/*:refs/lading/heads/*', '+refs/tags/*:refs/lading/tags/*'];
    const attempts = [
      ...(ref === undefined || address.fetchByCommit
        ? []
        : [['--depth=1', '--no-tags', '--', address.remote, `+${ref}:${target}`]]),
      ['--depth=1', '--no-tags', '--', address.remote, `+${id}:${target}`],
      [(await exists(join(gitDir, 'shallow'))) ? '--unshallow' : '--no-tags', '--', address.remote, ...everything],
    ];
    let complaint = '';
    for (const attempt of attempts) {
      const options = { ...run, gitDir, protocols: REMOTE_PROTOCOLS };
      const result = await this.#git.run(
        ['fetch', '--progress', '--force', '--no-write-fetch-head', ...attempt],
        options,
      );
      if (await has()) return;
      if (result.status !== 0 && complaint === '') complaint = result.complaint;
    }
    throw new LadingError(
      'invalid_argument',
      `failed to fetch remote ${shownGitAddress(address.remote)}: ${complaint === '' ? `it does not hold ${id}` : complaint}`,
    );
  }

  /** The least recently used beyond `keep` go, unless they are in use. */
  async #trim(kind: 'checkouts' | 'repositories', keep: number): Promise<void> {
    const folder = join(this.#folder, kind);
    const found: { name: string; usedMs: number }[] = [];
    for (const name of await readdir(folder).catch(() => []))
      if (!this.#users.has(name.replace(/\.partial$/, '')))
        found.push({ name, usedMs: (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0 });
    for (const { name } of found.sort((a, b) => b.usedMs - a.usedMs).slice(keep)) {
      const whole = name.replace(/\.partial$/, '');
      const path = join(folder, whole);
      if (this.#locks.isHeld(path)) continue;
      await this.#locks.run(path, async () => {
        if (!this.#users.has(whole)) await rm(join(folder, name), { recursive: true, force: true });
      });
    }
  }
}

function withChecksum(text: string, checksum: string, parsed: GitAddress): string {
  if (parsed.checksum !== undefined) return text;
  const [place = '', ...fragment] = text.split('#');
  const joined = `${place}${place.includes('?') ? '&' : '?'}checksum=${encodeURIComponent(checksum)}`;
  return fragment.length === 0 ? joined : `${joined}#${fragment.join('#')}`;
}

function runOptions(address: GitAddress, access: GitAccess & { readonly signal?: AbortSignal | undefined }): GitRun {
  return {
    config: authConfig(address, access.secrets),
    sshAgent: address.scheme === 'ssh' ? access.sshAgent : undefined,
    signal: access.signal,
  };
}

function keyOf(
  { subdir }: GitAddress,
  { id, commit, ref }: ResolvedRef,
  { keepGitDir, submodules, mtime }: Pick<GitSource, 'keepGitDir' | 'submodules' | 'mtime'>,
): string {
  return [
    keepGitDir ? `${id}.git#${ref ?? ''}` : commit,
    subdir === '' ? '' : `:${subdir}`,
    submodules ? '' : '(skip-submodules)',
    mtime === 'commit' ? '(mtime=commit)' : '',
  ].join('');
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now);
}
