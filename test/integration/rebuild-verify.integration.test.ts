import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { BUSYBOX, importBusybox } from '../support/busybox.ts';
import { GitServer } from '../support/git-server.ts';
import { startRegistry } from '../support/registry-process.ts';
import { TestDaemon, daemonSkipReason, type CommandOutcome } from '../support/test-daemon.ts';

const EPOCH = { SOURCE_DATE_EPOCH: '1700000000' };

describe('lading rebuild --verify', { skip: daemonSkipReason() ?? false }, () => {
  let daemon: TestDaemon;
  let folder: string;

  before(async () => {
    daemon = await TestDaemon.start();
    importBusybox(daemon);
    folder = mkdtempSync('/var/tmp/lading-rebuild-');
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true });
  });

  let made = 0;
  /** A context folder with this Dockerfile and files. */
  function context(dockerfile: string, files: Readonly<Record<string, string>> = {}): string {
    const path = join(folder, `context${++made}`);
    mkdirSync(path);
    for (const [name, text] of Object.entries({ Dockerfile: dockerfile, ...files }))
      writeFileSync(join(path, name), text, { mode: 0o644 });
    return path;
  }
  function build(path: string, flags: readonly string[] = [], env: Record<string, string> = EPOCH): string {
    const tag = `rebuilt:${made}`;
    const built = daemon.lading(['build', '-q', '-t', tag, ...flags, path], { env });
    assert.equal(built.status, 0, built.stderr);
    return tag;
  }
  const verify = (...args: string[]): CommandOutcome => daemon.lading(['rebuild', '--verify', '-q', ...args]);

  it('says identical of a build that is reproducible, and leaves nothing', () => {
    const dockerfile = `FROM ${BUSYBOX} AS maker
RUN mkdir /out && echo made > /out/file
FROM ${BUSYBOX}
ARG WHO=you
LABEL who=$WHO
COPY --from=maker /out /made
COPY file /app/
RUN echo $WHO > /who && rm -r /root
CMD ["cat", "/who"]
`;
    const tag = build(context(dockerfile, { file: 'f' }), [
      '--label',
      'a=b',
      '--build-arg',
      'WHO=me',
      '--provenance=max',
    ]);
    const images = daemon.ok('images', '-aq');
    const records = daemon.ok('system', 'df');
    const outcome = verify(tag);
    assert.match(outcome.stdout, /^identical: sha256:[0-9a-f]{64}\n$/, outcome.stderr);
    assert.equal(outcome.status, 0);
    assert.equal(daemon.ok('images', '-aq'), images);
    assert.equal(daemon.ok('system', 'df').length, records.length);
    assert.deepEqual(readdirSync(join(daemon.dataRoot, 'build/rebuilds')), []);
  });

  it('locates what a RUN makes differently: the file, its layer, its line', () => {
    const cases: [string, RegExp][] = [
      [
        'mkdir -p /deep/er && cat /proc/sys/kernel/random/uuid > /deep/er/seed && echo same > /deep/a',
        /^differs: \/deep\/er\/seed: content: sha256:[0-9a-f]{64} \(37 bytes\) in the image, sha256:[0-9a-f]{64} \(37 bytes\) in the rebuild\n {2}layer 3 of 4, line 3: RUN mkdir/,
      ],
      [
        'mkdir /d && echo > /d/$(cat /proc/sys/kernel/random/uuid)',
        /^differs: \/d\/[0-9a-f-]{36}: only in the (?:image|rebuild) \(file\)\n {2}layer 3 of 4, line 3/,
      ],
      [
        'ln -s $(cat /proc/sys/kernel/random/uuid) /link',
        /^differs: \/link: link target: [0-9a-f-]{36} in the image, [0-9a-f-]{36} in the rebuild\n/,
      ],
    ];
    for (const [command, expected] of cases) {
      const tag = build(
        context(`FROM ${BUSYBOX}\nRUN echo before > /before\nRUN ${command}\nRUN echo after > /after\n`),
      );
      const outcome = verify(tag);
      assert.match(outcome.stdout, expected, outcome.stderr);
      assert.equal(outcome.status, 1);
    }
  });

  it('notices what changed in the context since', () => {
    const path = context(`FROM ${BUSYBOX}\nCOPY . /all/\n`, { a: 'a', b: 'b' });
    const tag = build(path);
    chmodSync(join(path, 'b'), 0o755);
    assert.match(
      verify(tag).stdout,
      /^differs: \/all\/b: mode: 0644 in the image, 0755 in the rebuild\n {2}layer 2 of 2, line 2: COPY/,
    );
    chmodSync(join(path, 'b'), 0o644);
    assert.equal(verify(tag).status, 0);
    writeFileSync(join(path, 'c'), '');
    assert.match(verify(tag).stdout, /^differs: \/all\/c: only in the rebuild \(file\)\n/);
    rmSync(join(path, 'c'));
    const elsewhere = `${path}-moved`;
    renameSync(path, elsewhere);
    const lost = verify(tag);
    assert.equal(lost.status, 1);
    assert.match(lost.stderr, /the build context ".*" is not there\nhint: .*--context/);
    assert.match(verify('--context', elsewhere, tag).stdout, /^identical/);
    // Built again from there, with all steps cached, it is found there.
    daemon.lading(['build', '-q', elsewhere], { env: EPOCH });
    assert.match(verify(tag).stdout, /^identical/);
  });

  it('squashes again what was squashed', () => {
    const text = (command: string): string => `FROM ${BUSYBOX}\nRUN echo a > /a\nRUN ${command}\n`;
    const same = build(context(text('echo b > /b && rm /a')), ['--squash', 'since-base']);
    assert.match(verify(same).stdout, /^identical/);
    const other = build(context(text('cat /proc/sys/kernel/random/uuid > /seed')), ['--squash', 'since-base']);
    assert.match(verify(other).stdout, /^differs: \/seed: content: .*\n {2}layer 2 of 2, merge sha256:/);
  });

  it('notices another configuration', () => {
    const path = context(`FROM ${BUSYBOX}\nENV A=1\n`);
    const tag = build(path);
    writeFileSync(join(path, 'Dockerfile'), `FROM ${BUSYBOX}\nENV A=2\n`);
    assert.match(verify(tag).stdout, /^differs: config: .*"A=1" in the image, "A=2" in the rebuild\n/);
  });

  it('tells times of the clock from differences', () => {
    const path = context(`FROM ${BUSYBOX}\nCOPY hello /\nRUN echo hello > /made\n`, { hello: 'h' });
    const tag = build(path, [], {});
    utimesSync(join(path, 'hello'), 1000, 1000);
    const plain = verify(tag);
    assert.match(
      plain.stdout,
      /^differs: \/hello: time: .* in the image, 1970-01-01T00:16:40Z in the rebuild\n.*line 2: COPY hello \/\n {2}The image was built without SOURCE_DATE_EPOCH/,
    );
    assert.equal(plain.status, 1);
    const rest = verify('--ignore-times', tag);
    assert.match(rest.stdout, /^identical but for times: sha256:/, rest.stderr);
    assert.equal(rest.status, 0);
  });

  it('asks for arguments that the provenance leaves out', () => {
    const tag = build(context(`FROM ${BUSYBOX}\nARG V\nRUN echo $V > /v\n`), ['--build-arg', 'V=7']);
    const outcome = verify(tag);
    assert.equal(outcome.status, 1);
    assert.match(outcome.stderr, /does not hold the build arguments V\nhint: give them with --build-arg/);
    assert.match(verify('--build-arg', 'V=7', tag).stdout, /^identical/);
    assert.match(verify('--build-arg', 'V=8', tag).stdout, /^differs: \/v: content/);
  });

  it('takes the base image as it was, and says when it is gone', () => {
    daemon.ok('tag', BUSYBOX, 'base:moving');
    const tag = build(context('FROM base:moving\nRUN echo x > /x\n'));
    build(context(`FROM ${BUSYBOX}\nRUN echo other > /other\n`));
    daemon.ok('tag', `rebuilt:${made}`, 'base:moving');
    assert.match(verify(tag).stdout, /^identical/);
    const none = daemon.lading(['rebuild', '--verify', BUSYBOX]);
    assert.match(none.stderr, /the image has no provenance/);
    assert.equal(none.status, 1);
    const unverified = daemon.lading(['rebuild', tag]);
    assert.match(unverified.stderr, /--verify is wanted/);
  });

  it('builds Git sources again at their commits, with the commit as the epoch', async () => {
    const git = await GitServer.start();
    try {
      git.commit('lib', { f: 'lib' });
      const source = `FROM ${BUSYBOX}\nCOPY . /ctx/\nADD ${git.url('lib')}#main /lib/\nRUN touch /made\n`;
      const commit = git.commit('app', { 'sub/Dockerfile': source, 'sub/a': '1' });
      const tag = 'rebuilt:git';
      const address = `${git.url('app')}#main:sub`;
      const flags = ['--provenance=max', '--build-arg', 'SOURCE_DATE_EPOCH=context'];
      const built = await ladingWhileServing('build', '-q', '-t', tag, ...flags, address);
      assert.equal(built.status, 0, built.stderr);
      git.commit('app', { 'sub/a': '2' });
      git.commit('lib', { f: 'other' });
      const outcome = await ladingWhileServing('rebuild', '--verify', '-q', tag);
      assert.match(outcome.stdout, /^identical: /, outcome.stderr);
      const statement = JSON.parse(daemon.ok('image', 'provenance', tag)) as {
        buildDefinition: { externalParameters: { configSource: object; request: { args: object } } };
      };
      const { configSource, request } = statement.buildDefinition.externalParameters;
      assert.deepEqual(configSource, {
        uri: `${git.url('app')}#refs/heads/main:sub`,
        digest: { sha1: commit },
        path: 'Dockerfile',
      });
      // 2020-01-02T03:04:05Z, when the server commits.
      assert.deepEqual(request.args, { 'build-arg:SOURCE_DATE_EPOCH': '1577934245' });
    } finally {
      await git.stop();
    }
  });

  /** As daemon.lading, but this process goes on serving meanwhile. */
  async function ladingWhileServing(...args: string[]): Promise<CommandOutcome> {
    const child = daemon.spawnLading(args);
    child.stdin?.end();
    const [stdout, stderr, status] = await Promise.all([
      text(child.stdout!),
      text(child.stderr!),
      new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 128))),
    ]);
    return { status, stdout, stderr };
  }

  it('verifies an image of another machine by what its registry tells', async () => {
    await using registry = await startRegistry(join(folder, 'registry'));
    await using other = await TestDaemon.start();
    const [base, tag] = ['base', 'app'].map((name) => `localhost:${registry.port}/${name}:1`) as [string, string];
    daemon.ok('tag', BUSYBOX, base);
    daemon.ok('push', base);
    daemon.ok('rmi', base);
    daemon.ok('pull', base);
    const path = context(`FROM ${base}\nCOPY file /\nRUN cat /file > /copy\n`, { file: 'f' });
    const pushed = daemon.lading(['build', '-q', '-t', tag, '--push', path], { env: EPOCH });
    assert.equal(pushed.status, 0, pushed.stderr);
    other.ok('pull', tag);
    const lost = other.lading(['rebuild', '--verify', tag]);
    assert.match(lost.stderr, /the provenance does not hold the build context\nhint: .*--context/);
    const same = other.lading(['rebuild', '--verify', '--context', path, tag]);
    assert.match(same.stdout, /^identical: /, same.stderr);
    writeFileSync(join(path, 'file'), 'g');
    assert.match(other.lading(['rebuild', '--verify', '--context', path, tag]).stdout, /^differs: \/file: content/);
  });
});
