import { LadingError } from '../../errors/index.ts';
import { isCommitId, shownGitAddress, type GitAddress } from '../../oci/index.ts';
import { REMOTE_PROTOCOLS, type Git, type GitRun } from './git.ts';

/** What an address means now. */
export interface ResolvedRef {
  /** Digest of the commit; for a tag with a message, kept as such, the tag's. */
  readonly id: string;
  /** The commit itself, when `id` is a tag's. */
  readonly commit: string;
  /** "refs/heads/main", "refs/tags/v1"; absent for a bare commit. */
  readonly ref?: string;
}

/**
 * Asks the server what a ref is: `ls-remote`, nothing is transferred. A whole commit needs no answer.
 * @throws invalid_argument when there is no such ref, or it is not what `checksum` says
 */
export async function resolveRef(git: Git, address: GitAddress, run: GitRun): Promise<ResolvedRef> {
  const { ref, checksum = '' } = address;
  if (ref !== undefined && isCommitId(ref)) {
    if (!ref.startsWith(checksum)) throw mismatch(checksum, ref);
    return { id: ref, commit: ref };
  }
  if (address.fetchByCommit) return byCommit(address);
  const what = `failed to fetch remote ${shownGitAddress(address.remote)}`;
  const wanted =
    ref === undefined ? ['--symref', '--', address.remote, 'HEAD'] : ['--', address.remote, ref, `${ref}^{}`];
  const answer = await git.must(
    what,
    ['ls-remote', ...wanted],
    { ...run, protocols: REMOTE_PROTOCOLS, isShort: true },
    accessHint(address, run),
  );
  const resolved = ref === undefined ? defaultBranch(answer) : pickRef(answer, ref);
  if (!resolved)
    throw new LadingError(
      'invalid_argument',
      `repository ${shownGitAddress(address.remote)} does not contain ref ${ref ?? 'HEAD'}`,
      { hint: 'give a branch, a tag or a whole commit' },
    );
  const { id, commit } = resolved;
  if (!id.startsWith(checksum) && !commit.startsWith(checksum))
    throw mismatch(checksum, id === commit ? id : `${id} or ${commit}`);
  return resolved;
}

/** What is most often missing. */
function accessHint({ scheme }: GitAddress, run: GitRun): string | undefined {
  if (scheme === 'ssh') return run.sshAgent === undefined ? 'for ssh give an agent: --ssh default' : undefined;
  if (scheme === 'git' || (run.config ?? []).length > 0) return undefined;
  return 'a private repository needs a secret: --secret id=GIT_AUTH_TOKEN,env=TOKEN';
}

function byCommit({ ref, checksum = '' }: GitAddress): ResolvedRef {
  if (!isCommitId(checksum))
    throw new LadingError('invalid_argument', `fetch-by-commit requires a full commit SHA checksum, got "${checksum}"`);
  const name = ref === undefined || ref.startsWith('refs/') ? ref : `refs/heads/${ref}`;
  return { id: checksum, commit: checksum, ...(name === undefined ? {} : { ref: name }) };
}

function mismatch(wanted: string, found: string): LadingError {
  return new LadingError('invalid_argument', `expected checksum to match ${wanted}, got ${found}`, {
    hint: 'the repository holds another commit than the checksum says',
  });
}

/** "ref: refs/heads/main\tHEAD", "<id>\tHEAD" */
function defaultBranch(answer: string): ResolvedRef | undefined {
  const lines = answer.split('\n').map((line) => line.split('\t'));
  const id = lines.find(([first = '', name]) => name === 'HEAD' && isCommitId(first))?.[0];
  const ref = lines.find(([first = '', name]) => name === 'HEAD' && first.startsWith('ref: refs/'))?.[0]?.slice(5);
  return id === undefined ? undefined : { id, commit: id, ...(ref === undefined ? {} : { ref }) };
}

/** As git prefers: the very name, a branch, a tag. A tag with a message also tells the commit it names ("^{}"). */
export function pickRef(answer: string, ref: string): ResolvedRef | undefined {
  const found = new Map(
    answer.split('\n').flatMap((line) => {
      const [id = '', name = ''] = line.split('\t');
      return isCommitId(id) ? [[name, id] as const] : [];
    }),
  );
  const names = [
    `refs/${ref.replace(/^refs\//, '')}`,
    `refs/heads/${ref.replace(/^refs\/heads\//, '')}`,
    `refs/tags/${ref.replace(/^refs\/tags\//, '')}`,
  ];
  const name = names.find((one) => found.has(one));
  const id = name === undefined ? undefined : found.get(name);
  if (name === undefined || id === undefined) return undefined;
  return { id, commit: found.get(`${name}^{}`) ?? id, ref: name };
}
