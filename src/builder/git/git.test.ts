import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGitAddress } from '../../oci/index.ts';
import { accessTo, submoduleAddress } from './checkout.ts';
import { authConfig } from './git-auth.ts';
import { Git } from './git.ts';
import { pickRef } from './resolve-ref.ts';

const [A, B, C] = ['a', 'b', 'c'].map((ch) => ch.repeat(40)) as [string, string, string];

test('Git says what to install where git is missing', async () => {
  const { PATH } = process.env;
  process.env['PATH'] = '/nonexistent';
  try {
    await assert.rejects(new Git({ knownHosts: '/nonexistent' }).run(['version']), {
      code: 'unavailable',
      message: 'Git sources need the program "git", which is not installed',
      hint: /Debian: apt-get install git/,
    });
  } finally {
    process.env['PATH'] = PATH;
  }
});

test('Git is ended when a server tells more than anybody reads', async () => {
  const git = new Git({ knownHosts: '/nonexistent' });
  await assert.rejects(git.run(['-c', 'alias.flood=!yes', 'flood']), { code: 'resource_exhausted' });
});

test('Git hears nothing of the settings of users and environment', async () => {
  const variables = { GIT_DIR: '/x', GIT_CONFIG_GLOBAL: '/x', GIT_SSH_COMMAND: 'evil', GIT_EXTERNAL_DIFF: 'evil' };
  Object.assign(process.env, variables);
  try {
    const git = new Git({ knownHosts: '/nonexistent' });
    const { stdout } = await git.run(['config', '--show-origin', '--list']);
    const origins = new Set(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split('\t')[0]),
    );
    assert.deepEqual([...origins], ['command line:']);
    const { stdout: shell } = await git.run(['var', 'GIT_EDITOR']);
    assert.ok(!shell.includes('evil'));
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
});

test('pickRef() prefers the very name, then a branch, then a tag, and sees through annotated tags', () => {
  const answer = `${A}\trefs/heads/v1\n${B}\trefs/tags/v1\n${C}\trefs/tags/v1^{}\n${A}\trefs/pull/1/head\n`;
  assert.deepEqual(pickRef(answer, 'v1'), { id: A, commit: A, ref: 'refs/heads/v1' });
  assert.deepEqual(pickRef(answer, 'refs/tags/v1'), { id: B, commit: C, ref: 'refs/tags/v1' });
  assert.deepEqual(pickRef(answer, 'tags/v1'), { id: B, commit: C, ref: 'refs/tags/v1' });
  assert.deepEqual(pickRef(answer, 'pull/1/head'), { id: A, commit: A, ref: 'refs/pull/1/head' });
  assert.equal(pickRef(answer, 'v2'), undefined);
  assert.equal(pickRef('not an id\trefs/heads/v1\n', 'v1'), undefined);
});

test('authConfig() sends secrets to the address’ own server, those of its host first', () => {
  const address = parseGitAddress('https://host:8443/x.git');
  const of = (secrets: Record<string, string>): unknown =>
    authConfig(address, new Map(Object.entries(secrets).map(([name, text]) => [name, Buffer.from(text)])))[0];
  const key = 'http.https://host:8443/.extraheader';
  const basic = (token: string): string =>
    `Authorization: Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
  assert.deepEqual(of({ GIT_AUTH_TOKEN: 'a', 'GIT_AUTH_TOKEN.host:8443': 'b' }), [key, basic('b')]);
  assert.deepEqual(of({ GIT_AUTH_TOKEN: 'a', 'GIT_AUTH_TOKEN.other': 'b' }), [key, basic('a')]);
  assert.deepEqual(of({ GIT_AUTH_TOKEN: 'a', GIT_AUTH_HEADER: 'Custom x' }), [key, 'Authorization: Custom x']);
  assert.equal(of({ OTHER: 'a' }), undefined);
  assert.throws(() => of({ GIT_AUTH_TOKEN: 'a\nb' }), { code: 'invalid_argument' });
  assert.deepEqual(authConfig(parseGitAddress('git@host:x'), new Map([['GIT_AUTH_TOKEN', Buffer.from('a')]])), []);
});

test('submoduleAddress() resolves relative addresses as git does and refuses what stays on this machine', () => {
  const rows: [parent: string, url: string, expected: string][] = [
    ['https://host/a/b.git', '../c.git', 'https://host/a/c.git'],
    ['https://host/a/b.git', './c', 'https://host/a/b.git/c'],
    ['https://host/a/b.git', '../../../../c', 'https://host/c'],
    ['git@host:a/b.git', '../c.git', 'git@host:a/c.git'],
    ['https://host/a.git', 'https://other/x', 'https://other/x'],
    ['https://host/a.git', 'git@other:x', 'git@other:x'],
  ];
  for (const [parent, url, expected] of rows)
    assert.equal(submoduleAddress(parseGitAddress(parent), url, 'p').remote, expected, url);
  for (const url of [
    '/etc',
    'file:///etc',
    'ext::id',
    '--upload-pack=id',
    'github.com/x/y',
    'ssh://-oProxyCommand=id/x',
    '',
  ])
    assert.throws(
      () => submoduleAddress(parseGitAddress('https://host/a.git'), url, 'p'),
      { code: 'invalid_argument' },
      url,
    );
  const credentials = parseGitAddress('https://u:p@host/a.git');
  assert.deepEqual(submoduleAddress(credentials, '../b.git', 'p').userinfo, { user: 'u', password: 'p' });
  assert.equal(submoduleAddress(credentials, 'https://other/b.git', 'p').userinfo, undefined);
});

test('accessTo() shows a submodule’s server no secret that is not for it, and none in plain text', () => {
  const secrets = new Map(
    ['GIT_AUTH_TOKEN', 'GIT_AUTH_HEADER', 'GIT_AUTH_TOKEN.host', 'GIT_AUTH_TOKEN.other'].map((name) => [
      name,
      Buffer.from('s'),
    ]),
  );
  const shown = (parent: string, url: string): string[] => {
    const [from, to] = [parent, url].map((text) => parseGitAddress(text));
    return [...(accessTo(to!, from!, { secrets }).secrets?.keys() ?? [])];
  };
  assert.deepEqual(shown('https://host/a.git', 'https://host/b.git'), [...secrets.keys()]);
  assert.deepEqual(shown('https://host/a.git', 'https://other/b.git'), ['GIT_AUTH_TOKEN.host', 'GIT_AUTH_TOKEN.other']);
  assert.deepEqual(shown('https://host/a.git', 'http://host/b.git'), []);
  assert.deepEqual(shown('https://host/a.git', 'http://other/b.git'), []);
  assert.deepEqual(shown('git@host:a.git', 'http://host/b.git'), []);
  assert.deepEqual(shown('http://host/a.git', 'http://host/b.git'), [...secrets.keys()]);
});
