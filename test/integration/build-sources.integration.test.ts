import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { GitRepositories } from '../../src/builder/git/repositories.ts';
import type { Image } from '../../src/image/index.ts';
import { BuilderHarness } from '../support/builder-harness.ts';
import { GitServer } from '../support/git-server.ts';
import { inImage as mounted } from '../support/image-files.ts';

const isRoot = process.getuid?.() === 0;
const skip = isRoot ? false : 'needs root';
let harness: BuilderHarness;
let git: GitServer;

before(async () => {
  if (!isRoot) return;
  harness = await BuilderHarness.open();
  git = await GitServer.start();
});

after(async () => {
  if (!isRoot) return;
  await git.stop();
  assert.deepEqual(await harness.leftovers(), []);
  await harness.close();
});

function inImage<T>(image: Image, look: (root: string) => T): Promise<T> {
  return mounted(harness, image, look);
}

function filesOf(image: Image): Promise<string[]> {
  return inImage(image, (root) => (readdirSync(root, { recursive: true }) as string[]).sort());
}

test('a Git context is built at a ref and subfolder, asks only for refs when nothing changed', { skip }, async () => {
  git.commit('app', { 'dir/Dockerfile': 'FROM scratch\nCOPY . /\n', 'dir/a': '1', outside: 'x' });
  git.git('app', 'tag', '-a', 'v1', '-m', 'v1');
  const commit = git.git('app', 'rev-parse', 'HEAD');
  git.commit('app', { 'dir/a': '2' });
  const address = `${git.url('app')}#v1:dir`;
  const first = await harness.build({ context: { kind: 'git', address } });
  assert.deepEqual(await filesOf(first.image), ['Dockerfile', 'a']);
  assert.equal(await inImage(first.image, (root) => readFileSync(join(root, 'a'), 'utf8')), '1');
  const { transfers } = git;
  const again = await harness.build({ context: { kind: 'git', address } });
  assert.deepEqual(again.statuses.slice(-1), ['COPY cached']);
  assert.equal(again.image.id, first.image.id);
  assert.equal(git.transfers, transfers);
  const byCommit = await harness.build({ context: { kind: 'git', address: `${git.url('app')}#${commit}:dir` } });
  assert.equal(byCommit.image.id, first.image.id);
  assert.equal(git.transfers, transfers);
});

test('an old commit is fetched also from a server that gives only what it advertises', { skip }, async () => {
  const old = git.commit('history', { Dockerfile: 'FROM scratch\nCOPY x /\n', x: 'old' });
  git.commit('history', { x: 'new' });
  git.oldProtocol = true;
  try {
    const built = await harness.build({ context: { kind: 'git', address: `${git.url('history')}#${old}` } });
    assert.equal(await inImage(built.image, (root) => readFileSync(join(root, 'x'), 'utf8')), 'old');
    await assert.rejects(
      harness.build({ context: { kind: 'git', address: `${git.url('history')}#${'a'.repeat(40)}` } }),
      {
        message: /failed to fetch remote/,
      },
    );
  } finally {
    git.oldProtocol = false;
  }
});

test('a Git context follows its branch; files are 644 and 755, owned by root', { skip }, async () => {
  git.commit('modes', { Dockerfile: 'FROM scratch\nCOPY . /\n', tool: '#!/bin/sh\n' });
  git.git('modes', 'update-index', '--chmod=+x', 'tool');
  git.git('modes', 'commit', '--quiet', '-m', 'exec');
  const context = { kind: 'git', address: git.url('modes') } as const;
  const first = await harness.build({ context });
  await inImage(first.image, (root) => {
    assert.equal(statSync(join(root, 'tool')).mode & 0o7777, 0o755);
    assert.equal(statSync(join(root, 'Dockerfile')).mode & 0o7777, 0o644);
    assert.equal(statSync(join(root, 'tool')).uid, 0);
    assert.ok(!existsSync(join(root, '.git')));
  });
  git.commit('modes', { more: 'x' });
  const second = await harness.build({ context });
  assert.ok((await filesOf(second.image)).includes('more'));
});

test('BUILDKIT_CONTEXT_KEEP_GIT_DIR keeps a working .git without traces of this machine', { skip }, async () => {
  const commit = git.commit('keep', { Dockerfile: 'FROM scratch\nCOPY . /\n' });
  const built = await harness.build({
    context: { kind: 'git', address: `${git.url('keep')}#main` },
    buildArgs: { BUILDKIT_CONTEXT_KEEP_GIT_DIR: '1' },
  });
  await inImage(built.image, (root) => {
    const run = (...args: string[]): string =>
      spawnSync('git', ['-c', 'safe.directory=*', '-C', root, ...args], { encoding: 'utf8' }).stdout.trim();
    assert.equal(run('rev-parse', 'HEAD'), commit);
    assert.equal(run('rev-parse', 'refs/heads/main'), commit);
    assert.equal(run('status', '--porcelain'), '');
    assert.equal(run('remote', 'get-url', 'origin'), git.url('keep'));
    assert.ok(!readFileSync(join(root, '.git/config'), 'utf8').includes(harness.dir));
  });
});

test('ADD of a repository: the key is the commit, not the address', { skip }, async () => {
  const commit = git.commit('lib', { 'src/x': 'x', y: 'y' });
  const text = (source: string): string => `FROM scratch\nADD ${source} /lib/\n`;
  const first = await harness.build({ dockerfileText: text(`${git.url('lib')}#main`) });
  assert.deepEqual(await filesOf(first.image), ['lib', 'lib/src', 'lib/src/x', 'lib/y']);
  const named = await harness.build({ dockerfileText: text(`${git.url('lib')}?branch=main&commit=${commit}`) });
  assert.deepEqual(named.statuses.slice(-1), ['ADD cached']);
  const sub = await harness.build({ dockerfileText: text(`${git.url('lib')}#main:src`) });
  assert.deepEqual(await filesOf(sub.image), ['lib', 'lib/x']);
  const kept = await harness.build({ dockerfileText: text(`--keep-git-dir=true ${git.url('lib')}`) });
  assert.ok((await filesOf(kept.image)).includes('lib/.git/HEAD'));
});

test('a build asks once what a ref is, for all its stages', { skip }, async () => {
  git.commit('once', { x: 'x' });
  const asked = (): number => git.requests.filter((line) => line.includes('/once.git/info/refs')).length;
  const add = `ADD ${git.url('once')}#main /`;
  await harness.build({ dockerfileText: `FROM scratch AS a\n${add}a/\nFROM scratch\n${add}b/\nCOPY --from=a / /\n` });
  const first = asked();
  await harness.build({ dockerfileText: `FROM scratch\n${add}b/\n` });
  assert.equal(asked() - first, 1);
  // One to ask, one to fetch.
  assert.equal(first, 2);
});

test('ADD --checksum takes the begin of a commit and refuses another with both values', { skip }, async () => {
  const commit = git.commit('sum', { x: 'x' });
  const build = (sum: string) =>
    harness.build({ dockerfileText: `FROM scratch\nADD --checksum=${sum} ${git.url('sum')} /\n` });
  await build(commit.slice(0, 12));
  await assert.rejects(build('abcdef'), { message: new RegExp(`expected checksum to match abcdef, got ${commit}`) });
});

test('submodules are checked out; their addresses may not lead to this machine', { skip }, async () => {
  git.commit('inner', { deep: 'd' });
  git.commit('outer', { top: 't' });
  git.git('outer', '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', '../inner', 'mod/in');
  writeModules(
    'outer',
    git
      .url('inner')
      .replace('inner', '../inner')
      .replace(/^.*\.\.\//, '../'),
  );
  git.commit('outer', {});
  const build = (query = '') => harness.build({ dockerfileText: `FROM scratch\nADD ${git.url('outer')}${query} /\n` });
  const built = await build();
  assert.ok((await filesOf(built.image)).includes('mod/in/deep'));
  const inside = await build('#main:mod/in');
  assert.deepEqual(await filesOf(inside.image), ['deep']);
  const around = await build('#main:mod');
  assert.deepEqual(await filesOf(around.image), ['in', 'in/deep']);
  const without = await build('?submodules=false');
  assert.ok(!(await filesOf(without.image)).includes('mod/in/deep'));
  for (const url of [`file://${git.root}/inner`, `${git.root}/inner`, 'ext::sh -c id', '--upload-pack=id']) {
    writeModules('outer', url);
    git.commit('outer', { [`n${url.length}`]: 'x' });
    await assert.rejects(build(), { code: 'invalid_argument', message: /submodule "mod\/in"/ });
  }
});

function writeModules(name: string, url: string): void {
  git.commit(name, { '.gitmodules': `[submodule "in"]\n\tpath = mod/in\n\turl = "${url}"\n` });
}

test(
  'secrets authorize: by host first, a token as basic, never beyond their server, nowhere in what is kept',
  { skip },
  async () => {
    git.commit('private', { x: 'x' });
    git.commit('private-outer', { y: 'y' });
    const token = 'tok-3f2a9';
    const basic = `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
    git.wanted = basic;
    try {
      const build = (secrets: Record<string, string>, source = git.url('private')) =>
        harness.build({
          dockerfileText: `FROM scratch\nADD ${source} /\n`,
          secrets: new Map(Object.entries(secrets).map(([id, text]) => [id, Buffer.from(text)])),
        });
      await assert.rejects(build({}), { code: 'invalid_argument', message: /failed to fetch remote/ });
      await build({ GIT_AUTH_TOKEN: `${token}\n` });
      await build({ GIT_AUTH_TOKEN: 'wrong', [`GIT_AUTH_TOKEN.${git.host}`]: token });
      await build({ GIT_AUTH_HEADER: basic });
      const [user, password] = ['x-access-token', token];
      const built = await build({}, git.url('private').replace('http://', `http://${user}:${password}@`));
      const left = spawnSync('grep', ['-rlE', `${token}|${basic.slice(6)}`, harness.dir], { encoding: 'utf8' }).stdout;
      assert.equal(left, '');
      assert.ok(!JSON.stringify(built.image.config).includes(token));
    } finally {
      git.wanted = undefined;
    }
  },
);

test('a repository cannot bring links out of itself, hooks or filters', { skip }, async () => {
  git.commit('hostile', { '.gitattributes': '* filter=evil\n', a: 'a' });
  spawnSync('ln', ['-s', '/etc/passwd', join(git.root, 'hostile/link')]);
  spawnSync('ln', ['-s', '/etc', join(git.root, 'hostile/folder')]);
  git.commit('hostile', { Dockerfile: 'FROM scratch\nCOPY link /\n' });
  const context = { kind: 'git', address: git.url('hostile') } as const;
  await assert.rejects(harness.build({ context }), { message: /"\/link": not found/ });
  await assert.rejects(harness.build({ context: { kind: 'git', address: `${git.url('hostile')}#:folder` } }), {
    message: /invalid subdir folder/,
  });
  const added = await harness.build({ dockerfileText: `FROM scratch\nADD ${git.url('hostile')} /r/\n` });
  await inImage(added.image, (root) => assert.ok(lstatSync(join(root, 'r/link')).isSymbolicLink()));
});

test('trees that no git would write do not lead out of the checkout', { skip }, async () => {
  const victim = harness.context({ kept: 'kept' });
  git.commit('crafted', { Dockerfile: 'FROM scratch\nCOPY . /\n' });
  const module = git.commit('module', { new: 'evil' });
  const blob = (text: string): string => git.input('crafted', text, 'hash-object', '-w', '--stdin');
  const raw = (id: string): Buffer => Buffer.from(id, 'hex');
  const tree = (...entries: readonly (readonly [mode: string, name: string, id: string])[]): string => {
    const bytes = entries.flatMap(([mode, name, id]) => [Buffer.from(`${mode} ${name}\0`), raw(id)]);
    return git.input('crafted', Buffer.concat(bytes), 'hash-object', '-t', 'tree', '-w', '--literally', '--stdin');
  };
  const [evil, dockerfile] = [blob('evil'), blob('FROM scratch\nCOPY . /\n')];
  const link = blob(victim);
  const inner = tree(['100644', 'kept', evil], ['100644', 'new', evil]);
  const config = tree(['100644', 'config', blob('[core]\n\tfsmonitor = touch /tmp/pwned\n')]);
  const trees = {
    twice: tree(['100644', 'Dockerfile', dockerfile], ['120000', 'a', link], ['40000', 'a', inner]),
    twiceReversed: tree(['100644', 'Dockerfile', dockerfile], ['40000', 'a', inner], ['120000', 'a', link]),
    dotdot: tree(['100644', 'Dockerfile', dockerfile], ['40000', '..', inner]),
    slash: tree(['100644', 'Dockerfile', dockerfile], ['100644', `../${victim.split('/').at(-1)}/new`, evil]),
    absolute: tree(['100644', 'Dockerfile', dockerfile], ['100644', join(victim, 'new'), evil]),
    dotgit: tree(['40000', '.git', config], ['100644', 'Dockerfile', dockerfile]),
    submoduleBehindLink: tree(
      ['100644', '.gitmodules', blob(`[submodule "x"]\n\tpath = a\n\turl = ${git.url('module')}\n`)],
      ['100644', 'Dockerfile', dockerfile],
      ['120000', 'a', link],
      ['160000', 'a', module],
    ),
  };
  for (const [name, id] of Object.entries(trees)) {
    const commit = git.git('crafted', 'commit-tree', '-m', name, id);
    git.git('crafted', 'update-ref', `refs/heads/${name}`, commit);
    const outcome = await harness.build({ context: { kind: 'git', address: `${git.url('crafted')}#${name}` } }).then(
      ({ image }) => image,
      (error: Error & { code?: string }) => error,
    );
    if (outcome instanceof Error)
      assert.match(String((outcome as { code?: string }).code), /^(?:invalid_argument|conflict)$/, name);
    else assert.ok(!(await filesOf(outcome)).some((path) => path.startsWith('.git/')), name);
    assert.deepEqual(readdirSync(victim), ['kept'], name);
    assert.equal(readFileSync(join(victim, 'kept'), 'utf8'), 'kept', name);
  }
  assert.ok(!existsSync('/tmp/pwned'));
});

test('a remote that does not answer, and one that is not there, end with a clear error', { skip }, async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const repositories = new GitRepositories(join(harness.dir, 'hanging'), { idleMs: 300 });
  try {
    for (const scheme of ['git', 'http'])
      await assert.rejects(repositories.resolve(`${scheme}://127.0.0.1:${port}/x.git`), {
        code: 'deadline_exceeded',
        message: /no answer for 0\.3 s/,
      });
  } finally {
    silent.close();
  }
  await assert.rejects(harness.build({ context: { kind: 'git', address: `${git.url('app')}#nothing` } }), {
    message: /does not contain ref nothing/,
  });
  await assert.rejects(harness.build({ context: { kind: 'git', address: git.url('absent') } }), {
    message: /failed to fetch remote http:\/\/127/,
  });
});

test('a cancelled build ends the git it started', { skip }, async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const abort = new AbortController();
  silent.once('connection', () => abort.abort());
  try {
    const address = `http://127.0.0.1:${port}/x.git`;
    await assert.rejects(harness.build({ context: { kind: 'git', address } }, { signal: abort.signal }), {
      code: 'cancelled',
    });
    const running = spawnSync('pgrep', ['-f', `127.0.0.1:${port}`], { encoding: 'utf8' }).stdout;
    assert.equal(running, '');
  } finally {
    silent.close();
  }
});

test('rules of .dockerignore hold for folders, not for repositories, as in BuildKit', { skip }, async () => {
  git.commit('ignoring', { Dockerfile: 'FROM scratch\nCOPY . /\n', '.dockerignore': 'a\n', a: 'a' });
  const built = await harness.build({ context: { kind: 'git', address: git.url('ignoring') } });
  assert.deepEqual(await filesOf(built.image), ['.dockerignore', 'Dockerfile', 'a']);
});

test('an ssh address is fetched through the system ssh with the agent given, unattended', { skip }, async () => {
  git.commit('overssh', { x: 'x' });
  const bin = harness.context({
    ssh: `#!/bin/sh\nprintf '%s|%s\\n' "$SSH_AUTH_SOCK" "$*" >> ${harness.dir}/ssh.log\nfor last; do :; done\ncd ${git.root} && eval "exec $last"\n`,
  });
  chmodSync(join(bin, 'ssh'), 0o755);
  const { PATH } = process.env;
  process.env['PATH'] = `${bin}:${PATH}`;
  try {
    const dockerfileText = 'FROM scratch\nADD git@example.test:overssh#main /\n';
    const built = await harness.build({ dockerfileText, ssh: { default: '/run/agent.sock' } });
    assert.deepEqual(await filesOf(built.image), ['x']);
  } finally {
    process.env['PATH'] = PATH;
  }
  const log = readFileSync(join(harness.dir, 'ssh.log'), 'utf8');
  assert.match(
    log,
    /^\/run\/agent\.sock\|-F \/dev\/null -o BatchMode=yes .*git@example\.test git-upload-pack 'overssh'/,
  );
});

test('builds of one repository at once, and a prune meanwhile, do not disturb one another', { skip }, async () => {
  git.commit('shared', { Dockerfile: 'FROM scratch\nARG N\nCOPY . /out$N/\n', a: 'a' });
  const context = { kind: 'git', address: git.url('shared') } as const;
  const all = await Promise.all([
    ...[1, 2, 3].map((n) => harness.build({ context, buildArgs: { N: String(n) } })),
    harness.builder.prune({ all: true, filters: {} }),
  ]);
  const images = all.flatMap((one) => ('image' in one ? one.image : []));
  for (const [i, image] of images.entries()) assert.ok((await filesOf(image)).includes(`out${i + 1}/a`));
  await harness.builder.prune({ all: true, filters: {} });
  assert.deepEqual(readdirSync(join(harness.dir, 'build/git/checkouts')), []);
  await harness.build({ context });
});
