import { posix } from 'node:path';
import { LadingError } from '../errors/index.ts';

/** "user@host:path": scp's way of writing an ssh address. */
const SCP = /^([\w-]+)@([A-Za-z0-9][\w.-]*):([^/\s?#][^\s?#]*)(?:\?([^#]*))?(?:#(.*))?$/;
const SCHEME = /^(https?|git|ssh):\/\//;

/**
 * Whether a build context, an ADD source or a named context is a Git repository, as Docker decides it: the schemes git and ssh, "git@host:…",
 * "github.com/…", and http addresses whose path ends with ".git".
 */
export function isGitAddress(text: string): boolean {
  if (/^(?:git|ssh):\/\//.test(text) || text.startsWith('github.com/') || SCP.test(text)) return true;
  return /^https?:\/\/[^?#]*\.git(?:[?#]|$)/.test(text);
}

/** A repository and what is wanted of it. Everything in it may be given to git: it holds no option, no pattern, no control character. */
export interface GitAddress {
  /** What git is given: without "#…", "?…", and for http without user and password. */
  readonly remote: string;
  readonly scheme: 'http' | 'https' | 'git' | 'ssh';
  /** With its port. */
  readonly host: string;
  /** User and password in an http address. */
  readonly userinfo?: { readonly user: string; readonly password: string };
  /** Branch, tag, "refs/…" or commit; absent: the repository's default branch. */
  readonly ref?: string;
  /** '' is the repository's root. */
  readonly subdir: string;
  /** Begin of the commit's (or tag's) digest that is wanted. */
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
  readonly submodules?: boolean;
  /** Times of files: when they were checked out, or the commit's. */
  readonly mtime?: 'checkout' | 'commit';
  /** `checksum` is a whole commit and is fetched as such; `ref` is only a name for it. */
  readonly fetchByCommit: boolean;
}

/**
 * Reads an address as BuildKit does: "#ref:subdir", or the query keys ref, tag, branch, subdir, checksum or commit, keep-git-dir, submodules, mtime,
 * fetch-by-commit.
 * @throws invalid_argument naming what cannot be
 */
export function parseGitAddress(text: string): GitAddress {
  const fail = (why: string): LadingError =>
    new LadingError('invalid_argument', `invalid Git address "${shownGitAddress(text)}": ${why}`);
  // oxlint-disable-next-line no-control-regex
  if (/[\x00-\x20\x7f]/.test(text)) throw fail('it holds a blank or control character');
  const { fragment, query, ...place } = split(text, fail);
  const [ref = '', ...rest] = fragment.split(':');
  const wanted = readQuery(query, { ref, subdir: rest.join(':') }, fail);
  const named = wanted.ref === '' ? {} : { ref: checkedRef(wanted.ref, fail) };
  const subdir = posix.join('/', wanted.subdir).replace(/^\/+|\/+$/g, '');
  return { ...place, ...wanted.flags, ...named, subdir, fetchByCommit: wanted.flags.fetchByCommit ?? false };
}

/** For messages and records: without user, password, query and fragment. */
export function shownGitAddress(text: string): string {
  const plain = text.split(/[?#]/, 1)[0] ?? '';
  // oxlint-disable-next-line no-control-regex
  return plain
    .replace(/^(https?:\/\/)[^/]*@/, '$1')
    .replace(/[\x00-\x1f\x7f]/g, '?')
    .slice(0, 300);
}

/** A whole digest of a commit: SHA-1 or SHA-256. */
export function isCommitId(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

type Fail = (why: string) => LadingError;
type Place = Pick<GitAddress, 'remote' | 'scheme' | 'host' | 'userinfo'>;

function split(text: string, fail: Fail): Place & { fragment: string; query: string } {
  const scp = SCHEME.test(text) ? null : SCP.exec(text);
  if (scp) {
    const [, user = '', host = '', path = '', query = '', fragment = ''] = scp;
    if (path.startsWith('-') || user.startsWith('-')) throw fail('it looks like an option');
    return { remote: `${user}@${host}:${path}`, scheme: 'ssh', host, query, fragment };
  }
  const whole = text.startsWith('github.com/') ? `https://${text}` : text;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  const scheme = SCHEME.exec(whole)?.[1] as GitAddress['scheme'] | undefined;
  if (url === undefined || scheme === undefined) throw fail('one of https, http, ssh, git is wanted');
  if (url.hostname === '' || url.hostname.startsWith('-')) throw fail('it has no host');
  const { host, username, password } = url;
  const path = whole
    .slice(whole.indexOf('://') + 3)
    .replace(/^[^/?#]*/, '')
    .split(/[?#]/, 1)[0]!;
  const user = scheme === 'ssh' && username !== '' ? `${username}@` : '';
  if (user.startsWith('-')) throw fail('it looks like an option');
  const userinfo = { user: decoded(username, fail), password: decoded(password, fail) };
  return {
    remote: `${scheme}://${user}${host}${path}`,
    scheme,
    host,
    ...(scheme.startsWith('http') && username !== '' ? { userinfo } : {}),
    query: url.search.slice(1),
    fragment: decoded(url.hash.slice(1), fail),
  };
}

function decoded(text: string, fail: Fail): string {
  let plain: string;
  try {
    plain = decodeURIComponent(text);
  } catch {
    throw fail('it is badly encoded');
  }
  // oxlint-disable-next-line no-control-regex
  if (/[\x00-\x1f\x7f]/.test(plain)) throw fail('it holds a control character');
  return plain;
}

interface Wanted {
  readonly ref: string;
  readonly subdir: string;
  readonly flags: Partial<Pick<GitAddress, 'checksum' | 'keepGitDir' | 'submodules' | 'mtime' | 'fetchByCommit'>>;
}

const FLAGS = { 'keep-git-dir': 'keepGitDir', submodules: 'submodules', 'fetch-by-commit': 'fetchByCommit' } as const;

function readQuery(query: string, fragment: { ref: string; subdir: string }, fail: Fail): Wanted {
  const params = new URLSearchParams(query);
  const values = new Map<string, string>();
  for (const [key, value] of params) {
    if (values.has(key)) throw fail(`query "${key}" has multiple values`);
    if (value === '' && !(key in FLAGS)) throw fail(`query "${key}" has no value`);
    // oxlint-disable-next-line no-control-regex
    if (/[\x00-\x1f\x7f]/.test(value)) throw fail(`query "${key}" holds a control character`);
    values.set(key, value);
  }
  let { ref, subdir } = fragment;
  const flags: { -readonly [K in keyof Wanted['flags']]: Wanted['flags'][K] } = {};
  const agree = (name: string, now: string, value: string): string => {
    if (now !== '' && now !== value) throw fail(`${name} conflicts: "${now}" vs "${value}"`);
    return value;
  };
  if (values.has('tag') && values.has('branch')) throw fail('branch conflicts with tag');
  for (const [key, value] of values)
    switch (key) {
      case 'ref':
        ref = agree('ref', ref, value);
        break;
      case 'tag':
        ref = agree('ref', ref, value.startsWith('refs/tags/') ? value : `refs/tags/${value}`);
        break;
      case 'branch':
        ref = agree('ref', ref, value.startsWith('refs/heads/') ? value : `refs/heads/${value}`);
        break;
      case 'subdir':
        subdir = agree('subdir', subdir, value);
        break;
      case 'checksum':
      case 'commit':
        flags.checksum = checkedChecksum(value, fail);
        break;
      case 'mtime':
        if (value !== 'checkout' && value !== 'commit')
          throw fail(`invalid mtime value: "${value}" (must be "checkout" or "commit")`);
        flags.mtime = value;
        break;
      default:
        if (!(key in FLAGS)) throw fail(`unexpected query "${key}"`);
        flags[FLAGS[key as keyof typeof FLAGS]] = flag(key, value, fail);
    }
  return { ref, subdir, flags };
}

function flag(key: string, value: string, fail: Fail): boolean {
  if (['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  throw fail(`invalid ${key} value: "${value}"`);
}

function checkedChecksum(text: string, fail: Fail): string {
  if (/^[0-9a-fA-F]{1,64}$/.test(text)) return text.toLowerCase();
  throw fail(`invalid checksum ${text} for Git URL, expected hex commit hash`);
}

/** git's rules for names of refs; so none is an option, a pattern, or a revision expression. */
function checkedRef(ref: string, fail: Fail): string {
  // oxlint-disable-next-line no-control-regex
  const bad = /^[-/.]|[\x00-\x20\x7f~^:?*[\\]|\.\.|\/\/|\/\.|@\{|\.lock(?:\/|$)|[/.]$|^@$/;
  if (bad.test(ref) || ref.length > 500)
    throw fail(`"${ref.slice(0, 100)}" cannot be the name of a branch, tag or commit`);
  return ref;
}
