import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGitAddress, parseGitAddress, shownGitAddress } from './git-address.ts';

const COMMIT = 'a'.repeat(40);

test('parseGitAddress() reads every form BuildKit reads', () => {
  const rows: [text: string, remote: string, rest: Record<string, unknown>][] = [
    ['https://host/a/b.git', 'https://host/a/b.git', { subdir: '' }],
    [
      'https://host:8443/b.git#v1:sub/dir',
      'https://host:8443/b.git',
      { ref: 'v1', subdir: 'sub/dir', host: 'host:8443' },
    ],
    ['https://host/b.git#:sub', 'https://host/b.git', { subdir: 'sub' }],
    ['https://host/b.git#main:/a/../../b/', 'https://host/b.git', { ref: 'main', subdir: 'b' }],
    ['https://u:p%40ss@host/b.git', 'https://host/b.git', { userinfo: { user: 'u', password: 'p@ss' } }],
    ['git@host:a/b.git#v1', 'git@host:a/b.git', { scheme: 'ssh', ref: 'v1' }],
    ['git@host:b.git?branch=x&subdir=s', 'git@host:b.git', { ref: 'refs/heads/x', subdir: 's' }],
    ['ssh://git@host:2222/b.git', 'ssh://git@host:2222/b.git', { scheme: 'ssh' }],
    ['git://host/b', 'git://host/b', { scheme: 'git' }],
    ['github.com/moby/buildkit#v1', 'https://github.com/moby/buildkit', { ref: 'v1' }],
    ['https://host/b.git?tag=v1', 'https://host/b.git', { ref: 'refs/tags/v1' }],
    ['https://host/b.git?ref=v1&subdir=a', 'https://host/b.git', { ref: 'v1', subdir: 'a' }],
    ['https://host/b.git?commit=ABC123', 'https://host/b.git', { checksum: 'abc123' }],
    [
      `https://host/b.git?checksum=${COMMIT}&fetch-by-commit`,
      'https://host/b.git',
      { checksum: COMMIT, fetchByCommit: true },
    ],
    [
      'https://host/b.git?keep-git-dir=1&submodules=false',
      'https://host/b.git',
      { keepGitDir: true, submodules: false },
    ],
    ['https://host/b.git?mtime=commit', 'https://host/b.git', { mtime: 'commit' }],
  ];
  for (const [text, remote, rest] of rows) {
    assert.ok(isGitAddress(text), text);
    const address = parseGitAddress(text);
    assert.partialDeepStrictEqual({ ...address }, { remote, ...rest }, text);
  }
});

test('parseGitAddress() refuses what could be an option, a pattern, another protocol, or contradicts itself', () => {
  for (const text of [
    'ssh://-oProxyCommand=touch%20x/b.git',
    'git@host:-x',
    'https://host/b.git#--upload-pack=x',
    'https://host/b.git#refs/heads/*',
    'https://host/b.git#a..b',
    'https://host/b.git#HEAD^{commit}',
    'https://host/b.git#a%0Ab',
    'https://host/b.git?ref=a&ref=b',
    'https://host/b.git?branch=a&tag=b',
    'https://host/b.git?ref=a#b',
    'https://host/b.git?nonsense=1',
    'https://host/b.git?subdir=',
    'https://host/b.git?commit=xyz',
    'https://host/b.git?mtime=now',
    'file:///etc/b.git',
    'ext::sh -c x',
  ])
    assert.throws(() => parseGitAddress(text), { code: 'invalid_argument' }, text);
});

test('shownGitAddress() has no credentials', () => {
  assert.equal(shownGitAddress('https://u:secret@host/b.git?x=y#z'), 'https://host/b.git');
});

test('parseGitAddress() of anything throws its own error or gives what git can be handed', () => {
  const pieces = [
    'https://',
    'git@',
    'ssh://',
    'host',
    ':',
    '/',
    '.git',
    '#',
    '?',
    'ref=',
    '&',
    '-',
    '--x',
    '%00',
    '%0a',
    '..',
    '@',
    '*',
    '\n',
    'a',
    '{',
    '^',
    '[::1]',
  ];
  let seed = 42;
  const next = (below: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
  for (let i = 0; i < 20_000; i++) {
    const text = Array.from({ length: 1 + next(9) }, () => pieces[next(pieces.length)]).join('');
    try {
      const { remote, ref = '', subdir } = parseGitAddress(text);
      assert.match(remote, /^(?:https?:\/\/|git:\/\/|ssh:\/\/|[\w-]+@)/, text);
      // oxlint-disable-next-line no-control-regex
      assert.ok(!/[\x00-\x20]/.test(remote + ref) && !/(?:^|\/)\.\.(?:\/|$)|\0/.test(subdir), text);
      assert.ok(!ref.startsWith('-') && !/(?:\/\/|@)-/.test(remote), text);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'invalid_argument', `${text}: ${String(error)}`);
    }
  }
});
