import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { image, type BuildEvent } from '../../src/build/index.ts';
import { BUSYBOX, importBusybox } from '../support/busybox.ts';
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

  it('the other questions of build work for programs, too', () => {
    const example = join(import.meta.dirname, '../../examples/build-ts/build.ts');
    const targets = daemon.ok('build', '--call', 'targets', example);
    assert.match(targets, /dev/);
    assert.match(targets, /default \(default\)/);
    const { stdout } = daemon.lading(['build', '--call', 'outline', '--build-arg', 'BASE=scratch', example]);
    assert.match(stdout, /BASE\s+scratch/);
    assert.equal(daemon.lading(['build', '--check', example]).stderr, '');
    const strict = join(folder, 'strict.ts');
    const text = `import { image } from 'lading/build';\nexport default image('${BUSYBOX}').cmd('echo $HOME');\n`;
    writeFileSync(strict, `${text}export const check = 'error=true';\n`);
    const { status, stdout: said, stderr } = daemon.lading(['build', strict]);
    assert.equal(status, 1);
    assert.match(said + stderr, /JSONArgsRecommended/);
    writeFileSync(strict, `${text}export const check = 'skip=JSONArgsRecommended;error=true';\n`);
    daemon.ok('build', strict);
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
    assert.match(result.steps.at(-1)?.definedAt?.file ?? '', /build-ts-daemon\.integration\.test\.ts$/);
    assert.ok(events.some((event) => event.kind === 'output' && event.text.includes('from the library')));
    const again = await stage.build({ host: daemon.host, context: folder });
    assert.equal(again.imageId, result.imageId);
    await assert.rejects(async () => stage.run('exit 9').build({ host: daemon.host, context: folder }), {
      code: 'invalid_argument',
      message:
        /^\S*build-ts-daemon\.integration\.test\.ts:\d+: process [^]*exit code: 9[^]*# build-ts-daemon\.integration\.test\.ts:\d+\n.*>>> RUN exit 9/,
    });
  });
});
