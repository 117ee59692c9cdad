import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { file, image, openStore, scratch, type BuildEvent } from '../../src/build/index.ts';
import { BUSYBOX, importBusybox, makeBusyboxRoot } from '../support/busybox.ts';
import { daemonSkipReason, TestDaemon } from '../support/test-daemon.ts';

const skip = daemonSkipReason() ?? false;

/** A context folder; programs in it are in ESM. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync('/var/tmp/lading-build-ts-');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

describe('builds in TypeScript by a daemon', { skip }, () => {
  let daemon: TestDaemon;
  let folder: string;

  before(async () => {
    daemon = await TestDaemon.start();
    importBusybox(daemon);
    folder = folderWith({
      'hello.txt': 'hello',
      Dockerfile: `FROM ${BUSYBOX}\nWORKDIR /w\nCOPY hello.txt ./\nARG WHO=world\nRUN echo "$WHO" > who\n`,
      'build.ts': `
import { arg, image } from 'lading/build';
interface Unused { readonly x: number }
const who = arg('WHO', 'world');
const app = image('${BUSYBOX}').workdir('/w').copy('hello.txt', './').arg(who).run(\`echo "$WHO" > who\`);
console.log('what a program prints is on standard error');
export default app;
`,
    });
  });

  after(async () => {
    await daemon[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  it('lading build -f build.ts gives the ID of the Dockerfile', () => {
    const fromFile = daemon.ok('build', '-q', folder);
    const program = join(folder, 'build.ts');
    for (const args of [['-f', program, folder], ['-f', program], [program]])
      assert.equal(daemon.ok('build', '-q', ...args), fromFile, args.join(' '));
    const other = daemon.ok('build', '-q', '--build-arg', 'WHO=you', program);
    assert.notEqual(other, fromFile);
    assert.equal(daemon.ok('build', '-q', '--build-arg', 'WHO=you', folder), other);
  });

  it('a program may be a function and export several images', () => {
    const program = join(folder, 'several.ts');
    writeFileSync(
      program,
      `import { image, type ProgramInput } from 'lading/build';
export default async ({ args, platform }: ProgramInput) => {
  const base = image('${BUSYBOX}').label({ platform, flavour: args.FLAVOUR ?? 'none' });
  return { one: base.label({ target: 'one' }), two: base.label({ target: 'two' }) };
};`,
    );
    const labels = (...args: string[]): unknown => {
      daemon.ok('build', '-q', '-t', 'several', ...args, program);
      return (JSON.parse(daemon.ok('inspect', 'several')) as [{ Config: { Labels: unknown } }])[0].Config.Labels;
    };
    const platform = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;
    assert.deepEqual(labels(), { platform, flavour: 'none', target: 'two' });
    assert.deepEqual(labels('--target', 'one', '--build-arg', 'FLAVOUR=mint'), {
      platform,
      flavour: 'mint',
      target: 'one',
    });
    const { status, stderr } = daemon.lading(['build', '--target', 'three', program]);
    assert.equal(status, 1);
    assert.match(stderr, /target stage "three" could not be found/);
  });

  it('a failing step names the line of the program', () => {
    const program = join(folder, 'failing.ts');
    writeFileSync(
      program,
      `import { image } from 'lading/build';\nexport default image('${BUSYBOX}')\n  .run('exit 3');\n`,
    );
    const { status, stderr } = daemon.lading(['build', program]);
    assert.equal(status, 1);
    assert.match(stderr, /exit code: 3\nfailing\.ts\.Dockerfile:\d+\n/);
    assert.match(stderr, /# \S*failing\.ts:3\n.*>>> RUN exit 3\n/);
  });

  it('a broken program is reported with its own message and line, without a stack', () => {
    const cases: [text: string, expected: RegExp][] = [
      [`\nthrow new Error('my own words');`, /broken\.ts:2: my own words\n$/],
      [
        `import { image } from 'lading/build';\nexport default image('No Such');`,
        /broken\.ts:2: image\(\): invalid reference/,
      ],
      ['export const x: = 1;', /broken\.ts: Unexpected token/],
      ['enum A { B }', /broken\.ts: TypeScript enum is not supported/],
      ['export default 5;', /the default export is of type number: an image is wanted\nhint: /],
      ['export const image = 1;', /the default export is missing/],
      ['process.exit(4);', /ended with status 4/],
      [`process.kill(process.pid, 'SIGKILL');`, /it ended with SIGKILL/],
      [
        `import { image, context } from 'lading/build';\nexport default image(context('base'));`,
        /wants the context "base"/,
      ],
    ];
    const program = join(folder, 'broken.ts');
    for (const [text, expected] of cases) {
      writeFileSync(program, text);
      const { status, stderr } = daemon.lading(['build', program]);
      assert.equal(status, 1, text);
      assert.match(stderr, expected, text);
      assert.doesNotMatch(stderr, /\n\s+at |node:internal/, text);
    }
  });

  it('build() finds the daemon that has the store', async () => {
    const events: BuildEvent[] = [];
    const stage = image(BUSYBOX).run('echo from the library');
    const result = await stage.build({
      dataRoot: daemon.dataRoot,
      context: folder,
      tags: ['library:1'],
      onEvent: (event) => events.push(event),
    });
    assert.deepEqual(result.tags, ['docker.io/library/library:1']);
    assert.equal(daemon.ok('images', '-q', '--no-trunc', 'library:1').trim(), result.imageId);
    assert.deepEqual(
      result.steps.map(({ name, cached }) => [name.split(' ')[0], cached]),
      [
        ['FROM', false],
        ['RUN', false],
      ],
    );
    assert.ok(events.some((event) => event.kind === 'output' && event.text.includes('from the library')));
    const again = await stage.build({ host: daemon.host, context: folder });
    assert.equal(again.imageId, result.imageId);
    await assert.rejects(async () => stage.run('exit 9').build({ host: daemon.host, context: folder }), {
      code: 'invalid_argument',
      message: /exit code: 9[^]*# .*build-ts-daemon\.integration\.test\.ts:\d+\n.*>>> RUN exit 9/,
    });
  });
});

describe('builds in TypeScript without a daemon', { skip }, () => {
  let dir: string;

  before(() => {
    dir = mkdtempSync('/var/tmp/lading-build-ts-');
    makeBusyboxRoot(join(dir, 'root'));
  });

  after(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  it('build() runs the engine in this process, and leaves nothing of it', async () => {
    const mountsBefore = readFileSync('/proc/self/mounts', 'utf8');
    const dataRoot = join(dir, 'data');
    const base = scratch().copy('.', '/').as('base');
    const stage = image(base).run('echo one > /one').env({ A: '1' });
    const first = await stage.build({ dataRoot, context: join(dir, 'root'), tags: ['one'] });
    assert.match(first.imageId ?? '', /^sha256:[a-f0-9]{64}$/);
    assert.match(first.digest ?? '', /^sha256:[a-f0-9]{64}$/);
    assert.deepEqual([...new Set(first.steps.map(({ cached }) => cached))], [false]);

    await using store = await openStore({ dataRoot });
    const running = store.build({ one: stage, two: stage.run('echo two') }, { context: join(dir, 'root') });
    const statuses: string[] = [];
    for await (const event of running)
      if (event.kind === 'step' && event.status !== 'started')
        statuses.push(`${event.name.split(' ')[0]} ${event.status}`);
    assert.deepEqual(statuses.filter((text) => !text.startsWith('FROM')).sort(), [
      'COPY cached',
      'RUN cached',
      'RUN done',
    ]);
    assert.equal((await running).steps.length, statuses.length);

    const same = await stage.build({ dataRoot, context: join(dir, 'root') });
    assert.equal(same.imageId, first.imageId, 'an engine that is open already is shared');
    await store.close();
    assert.equal(readFileSync('/proc/self/mounts', 'utf8'), mountsBefore);
    assert.deepEqual(existsSync(join(dataRoot, 'run/steps')) ? readdirSync(join(dataRoot, 'run/steps')) : [], []);
  });

  it('outputs are written where the program runs, with and without a daemon', async () => {
    const outputs = (name: string) => [
      { type: 'local', attrs: { dest: join(dir, name) } },
      { type: 'oci', attrs: { dest: join(dir, `${name}.tar`) } },
    ];
    const stage = scratch().copy('etc/passwd', '/passwd').copy(file('text'), '/text');
    const common = { context: join(dir, 'root'), buildArgs: { SOURCE_DATE_EPOCH: '0' } };
    const here = await stage.build({ ...common, dataRoot: join(dir, 'data'), outputs: outputs('here') });
    await using daemon = await TestDaemon.start();
    const there = await stage.build({ ...common, host: daemon.host, outputs: outputs('there') });
    for (const name of ['here', 'there']) {
      assert.equal(readFileSync(join(dir, name, 'text'), 'utf8'), 'text\n');
      assert.ok(existsSync(join(dir, name, 'passwd')));
    }
    assert.equal(here.digest, there.digest, 'two stores, one digest');
    assert.ok(existsSync(join(dir, 'there.tar')) && existsSync(join(dir, 'here.tar')));
    const bad = stage.build({
      ...common,
      dataRoot: join(dir, 'data'),
      outputs: [{ type: 'local', attrs: { dest: join(common.context, 'etc/passwd') } }],
    });
    await assert.rejects(bad.result, { message: /destination directory is a file/ });
  });

  it('a cancelled build ends its step', async () => {
    const abort = new AbortController();
    const base = scratch().copy('.', '/');
    const running = base.run('echo started; sleep 100').build({
      dataRoot: join(dir, 'data'),
      context: join(dir, 'root'),
      signal: abort.signal,
      onEvent: (event) => {
        if (event.kind === 'output') abort.abort();
      },
    });
    await assert.rejects(running.result, { code: 'cancelled' });
  });
});
