import assert from 'node:assert/strict';
import { dirname, resolve } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { describe } from './describe.ts';
import {
  arg,
  BUILDPLATFORM,
  cache,
  context,
  file,
  git,
  http,
  image,
  plan,
  scratch,
  secret,
  TARGETARCH,
  variable,
  type Image,
} from './index.ts';

const text = (stage: Image): string => stage.toDockerfile();

test('an image never changes: each method returns a longer one', () => {
  const base = image('x');
  const one = base.run('one');
  base.run('two');
  assert.equal(text(base), 'FROM x\n');
  assert.equal(text(one), 'FROM x\nRUN one\n');
});

test('what several stages begin with becomes a stage of its own, unused stages are not written', () => {
  const base = image('x').run('base');
  const left = base.run('left');
  const right = base.run('right');
  base.run('unused');
  const all = scratch().copy('/l', '/', { from: left }).copy('/r', '/', { from: right });
  assert.equal(
    text(all),
    `FROM x AS stage0
RUN base

FROM stage0 AS stage1
RUN left

FROM stage0 AS stage2
RUN right

FROM scratch
COPY --from=stage1 /l /
COPY --from=stage2 /r /
`,
  );
});

test('names of stages keep clear of the images that are used', () => {
  const tool = image('stage0').run('x');
  assert.match(text(scratch().copy('/x', '/', { from: tool })), /^FROM stage0 AS stage1\n/);
  assert.throws(() => text(image('tools').as('tools').run('x')), {
    message: /the stage "tools" is named like an image/,
  });
  const twice = scratch()
    .copy('/a', '/', { from: image('a').as('same') })
    .copy('/b', '/', { from: image('b').as('same') });
  assert.throws(() => text(twice), { message: /build\.test\.ts:\d+: two stages are named "same"/ });
});

test('arguments are declared where they are used first: globally for FROM, in the stage for its steps', () => {
  const version = arg('VERSION', '1.2 rc');
  const stage = image(`x:${arg('TAG', 'latest')}`, { platform: BUILDPLATFORM })
    .run('nothing')
    .run(`get ${version}`)
    .env({ V: version, SHORT: version.trimEnd(' *'), ARCH: TARGETARCH, OR: variable('HOME').or('/root') });
  assert.equal(
    text(image(stage).run(`again ${version}`)),
    `ARG TAG=latest

FROM --platform=\${BUILDPLATFORM} x:\${TAG} AS stage0
RUN nothing
ARG VERSION="1.2 rc"
RUN get \${VERSION}
ARG TARGETARCH
ENV V=\${VERSION} SHORT="\${VERSION% *}" ARCH=\${TARGETARCH} OR=\${HOME:-/root}

FROM stage0
RUN again \${VERSION}
`,
  );
  assert.throws(() => text(image(`a:${arg('T', '1')}`).copy('/', '/', { from: image(`b:${arg('T', '2')}`) })), {
    message: /the argument "T" has two defaults: 2, 1/,
  });
});

test('sources that are not files: addresses, repositories, texts, named contexts', () => {
  const docs = context('../docs');
  const stage = scratch()
    .add(http('https://host/file?a=1&b=2', { checksum: `sha256:${'0'.repeat(64)}` }), '/file')
    .add(git('https://host/app.git#v1:sub'), '/src', { keepGitDir: true })
    .copy(file('text\n', { name: 'motd' }), '/etc/')
    .copy('/a', '/a', { from: docs })
    .copy('/b', '/b', { from: context('given') });
  assert.equal(
    text(stage),
    `# Build it with --build-context context0=${resolve(dirname(import.meta.dirname), 'docs')}
# Build it with --build-context given=…
FROM scratch
ADD --checksum=sha256:${'0'.repeat(64)} https://host/file?a=1&b=2 /file
ADD --keep-git-dir https://host/app.git#v1:sub /src
COPY <<"motd" /etc/
text
motd
COPY --from=context0 /a /a
COPY --from=given /b /b
`,
  );
});

test('directives come first', () => {
  const stage = image('x', { platform: 'linux/arm64' }).copy('/a', '/', { from: context('docs') });
  assert.equal(
    stage.toDockerfile({ syntax: 'docker/dockerfile:1', check: 'skip=all' }),
    `# syntax=docker/dockerfile:1
# check=skip=all
# Build it with --build-context docs=…
FROM --platform=linux/arm64 x
COPY --from=docs /a /
`,
  );
});

test('what is wrong is said at the line that says it', () => {
  const cases: [define: () => unknown, message: RegExp][] = [
    [() => image('No'), /image\(\): invalid reference format/],
    [() => image('7'), /image\(\): "7" is a number, not an image/],
    [() => image('x', { platform: 'a/b/c/d' }), /image\(\): .*platform/],
    [
      () => (image as (...given: unknown[]) => unknown)(image('x'), { platform: 'linux/arm64' }),
      /has the platform it was begun with/,
    ],
    [() => image('x').as('Upper'), /as\(\): invalid name for build stage: "Upper"/],
    [() => image('x').run(''), /run\(\): the command is empty/],
    [() => image('x').run([`${arg('A')}`]), /run\(\): the arguments of an array are not expanded: \$\{A\}/],
    [() => image('x').run('x', { mounts: [secret('')] }), /run\(\): invalid secret mount/],
    [() => image('x').cmd('a\nb'), /cmd\(\): no Dockerfile can say this command as a text/],
    [() => image('x').env({ 'A B': 'x' }), /env\(\): invalid name "A B"/],
    [() => image('x').copy([], '/'), /copy\(\): there is nothing to copy/],
    [() => image('x').copy('a', '/', { from: '0' }), /copy\(\): from: "0" is a number, not an image/],
    [() => image('x').copy([file('a'), file('b')], '/'), /copy\(\): several files of text need names/],
    [() => image('x').copy(file('EOF2\n', { name: 'EOF2' }), '/'), /has a line that is its own name/],
    [() => image('x').copy(file('a'), '/odd name'), /cannot be copied along with or to a path that holds blanks/],
    [() => image('x').add([http('http://h/a', { checksum: 'sha256:0' }), 'b'], '/'), /has to be the only one/],
    [
      () => image('x').healthcheck('x', { interval: '1us' }),
      /healthcheck\(\): Interval "interval" cannot be less than 1ms/,
    ],
    [() => image('x').onbuild((later) => later.onbuild((l) => l.run('x'))), /a trigger cannot hold another/],
    [() => image('x').onbuild((l) => l.copy('a', '/', { from: scratch() })), /is not there when the trigger runs/],
    [() => image('x').env({ A: undefined as never }), /env\(\): a text is wanted, this is undefined/],
    [() => image('x').run([5 as never]), /run\(\): a text is wanted, this is 5/],
    [() => image('x').copy(image('y') as never, '/'), /copy\(\): a text is wanted, this is a Image/],
    [() => image('x').run('x', { mounts: [{ type: 'cache' } as never] }), /a mount is made by bind\(\), cache\(\)/],
    [() => image(undefined as never), /image\(\): a text is wanted, this is undefined/],
    [() => image('x').expose('http' as never), /expose\(\): invalid port "http"/],
  ];
  for (const [define, message] of cases) {
    let thrown: unknown;
    try {
      define();
    } catch (error) {
      thrown = error;
    }
    assert.ok(thrown instanceof Error, `${message} was not refused`);
    assert.match(thrown.message, message);
    assert.match(thrown.message, /^src\/build\/build\.test\.ts:\d+: /);
  }
  assert.throws(() => text(image('x').env({ A: 'a\nb' })), {
    message: /no Dockerfile can hold a line break in a value/,
  });
});

test('plan() tells which stages a target needs, and keys that change with what is said', () => {
  const define = (command: string): { app: Image; site: Image } => {
    const deps = image('node')
      .run('install', { mounts: [cache('/c'), secret('npm')] })
      .as('deps');
    const site = scratch().copy('/site', '/', { from: deps.run(command) });
    return { app: deps.run('app').as('app'), site };
  };
  const { app, site } = define('build');
  const planned = plan({ app, site }, { target: 'app' });
  assert.deepEqual(
    planned.stages.map(({ name, from, needed }) => [name, from, needed]),
    [
      ['deps', 'node', true],
      ['app', 0, true],
      ['stage0', 0, false],
      ['site', 'scratch', false],
    ],
  );
  assert.equal(planned.target, 1);
  assert.deepEqual([planned.secrets, planned.images], [['npm'], ['node']]);
  assert.match(planned.stages[0]?.steps[0]?.place.file ?? '', /build\.test\.ts$/);
  const keyOf = (stage: Image): string | undefined => stage.plan().stages.at(-1)?.steps.at(-1)?.key;
  assert.equal(keyOf(site), keyOf(define('build').site), 'equal definitions have equal keys');
  assert.notEqual(keyOf(site), keyOf(define('other').site), 'a stage that is read is part of the key');
  assert.throws(() => plan({ app, site }, { target: 'ap' }), { message: /target stage "ap" could not be found/ });
});

test('dryRun() plays a build: the executor sees what the process would, the result is the configuration', async () => {
  const mode = arg('MODE', 'production');
  const built = image('node').workdir('/app').env({ LEVEL: '1' }).run(`build ${mode}`).as('built');
  const app = image('base')
    .run('unlike', { network: 'none' })
    .copy('/app/out', '/srv', { from: built })
    .user('app')
    .run(['check', '--fast'], { mounts: [cache('/c', { id: 'k' })] })
    .cmd(['serve']);
  const seen: unknown[] = [];
  const { config, runs } = await app.dryRun({
    buildArgs: { MODE: 'test' },
    images: { base: { Env: ['PATH=/bin', 'LANG=C'], WorkingDir: '/w', User: 'root' } },
    run: ({ stage, args, cwd, user, env, network, mounts }) => {
      seen.push([stage, args, cwd, user, env['MODE'], env['LANG'], network, mounts]);
    },
  });
  assert.deepEqual(seen, [
    ['stage-1', ['/bin/sh', '-c', 'unlike'], '/w', 'root', undefined, 'C', 'none', []],
    ['built', ['/bin/sh', '-c', 'build ${MODE}'], '/app', '', 'test', undefined, 'default', []],
    [
      'stage-1',
      ['check', '--fast'],
      '/w',
      'app',
      undefined,
      'C',
      'default',
      [{ type: 'cache', target: '/c', id: 'k' }],
    ],
  ]);
  assert.equal(runs.length, 3);
  assert.deepEqual(
    [config.Cmd, config.User, config.WorkingDir, config.Env],
    [['serve'], 'app', '/w', ['PATH=/bin', 'LANG=C']],
  );
  await assert.rejects(app.dryRun({ run: ({ args }) => (args.includes('--fast') ? 7 : 0) }), {
    message: /^src\/build\/build\.test\.ts:\d+: process "check --fast" did not complete successfully: exit code: 7$/,
  });
});

test('dryRun() lets an argument win over a variable of its name that was set before, as a build does', async () => {
  const { config, runs } = await image('node')
    .env({ MODE: 'env' })
    .run(`x ${arg('MODE', 'arg')}`)
    .dryRun();
  assert.equal(runs[0]?.env['MODE'], 'arg');
  assert.deepEqual(
    config.Env?.filter((entry) => entry.startsWith('MODE=')),
    ['MODE=env'],
  );
});

test('dryRun() runs the triggers of a base', async () => {
  const parent = image('x').onbuild((later) => later.run('triggered').env({ BY: 'trigger' }));
  const { config, runs } = await image(parent).run('own').dryRun();
  assert.deepEqual(
    runs.map(({ text }) => text),
    ['RUN triggered', 'RUN own'],
  );
  assert.ok(config.Env?.includes('BY=trigger'));
  assert.equal(config.OnBuild, undefined);
});

test('a stage in a text is an error, in a console it is its Dockerfile', () => {
  const stage = image('x').run('y');
  assert.throws(() => `--from=${stage as unknown as string}`, { message: 'a stage is not a text' });
  assert.equal(inspect(stage), 'FROM x\nRUN y\n');
});

test('describe() asks a function for each platform and remembers the arguments it read', async () => {
  const program = ({ args, platform }: { args: Record<string, string | undefined>; platform: string }): Image =>
    image('x').label({ flavour: args['FLAVOUR'] ?? '', ...(args['SPLIT'] ? { platform } : {}) });
  const platforms = ['linux/amd64', 'linux/arm64'];
  const folder = import.meta.dirname;
  const described = await describe(program, { args: { FLAVOUR: 'mint', OTHER: 'x' }, platforms, folder });
  assert.match(described.dockerfile, /^# build\.test\.ts:\d+\nFROM x\nLABEL flavour=mint\n$/);
  assert.deepEqual(described.argsRead, ['FLAVOUR', 'SPLIT']);
  await assert.rejects(describe(program, { args: { SPLIT: '1' }, platforms, folder }), {
    message: 'the program describes different builds for linux/amd64 and linux/arm64: one build makes all platforms',
  });
  const several = await describe({ a: image('x').run('a'), b: image('x').run('b') }, { args: {}, platforms, folder });
  assert.deepEqual([several.targets, several.wanted], [{ a: 'a', b: 'b' }, null]);
  const usesDefault = image('x').run('d');
  const reordered = await describe({ default: usesDefault, b: usesDefault.run('b') }, { args: {}, platforms, folder });
  assert.equal(reordered.wanted, 'default');
});
