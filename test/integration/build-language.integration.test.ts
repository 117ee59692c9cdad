import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import type { RunConfig } from '../../src/oci/index.ts';
import { BuilderHarness } from '../support/builder-harness.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
let harness: BuilderHarness;
let context: { kind: 'directory'; path: string };

before(async () => {
  if (skip) return;
  harness = await BuilderHarness.open();
  context = { kind: 'directory', path: harness.context({ x: 'x\n', x2: 'x2\n', 'package.json': '{}' }) };
});
after(async () => {
  if (!skip) await harness.close();
});

async function build(dockerfileText: string, buildArgs: Readonly<Record<string, string>> = {}) {
  const { image, events } = await harness.build({ context, dockerfileText, buildArgs });
  const history = image.config.history.map((entry) => entry.created_by ?? '');
  return { config: image.config.config, history, events };
}

/** Instructions behind `FROM busybox`, and what they make of the config. Docker 28 says the same. */
const CONFIGS: [name: string, text: string, expected: Readonly<Partial<Record<keyof RunConfig, unknown>>>][] = [
  ['CMD without arguments', 'CMD', { Cmd: ['/bin/sh', '-c', ''] }],
  ['ENTRYPOINT without arguments clears CMD', 'ENTRYPOINT', { Entrypoint: ['/bin/sh', '-c', ''], Cmd: undefined }],
  ['the later of ARG and ENV wins: ARG', 'ENV A=2\nARG A=3\nENV B=$A', { Env: ['A=2', 'B=3'] }],
  ['the later of ARG and ENV wins: ENV', 'ARG A=3\nENV A=2\nENV B=$A', { Env: ['A=2', 'B=2'] }],
  ['an ARG without a value leaves ENV', 'ENV A=2\nARG A\nENV B=$A', { Env: ['A=2', 'B=2'] }],
  [
    'ENV: one value per instruction',
    'ENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc',
    { Env: ['abc=bye', 'def=hello', 'ghi=bye'] },
  ],
  ['ARG: several, later ones see earlier ones', 'ARG A=1 B=$A C=${B}x\nENV R=$A$B$C', { Env: ['R=111x'] }],
  [
    'every form of a variable',
    'ENV F=a/b/c.tar.gz\nENV G=${F#*/} H=${F##*/} I=${F%.*} J=${F%%.*} K=${F/b/X} L=${F//a/Y} M=${F:+set} N=${Z:-def} O=${Z-d2} P=${Z+no}',
    {
      Env: [
        'F=a/b/c.tar.gz',
        'G=b/c.tar.gz',
        'H=c.tar.gz',
        'I=a/b/c.tar',
        'J=a/b/c',
        'K=a/X/c.tar.gz',
        'L=Y/b/c.tYr.gz',
        'M=set',
        'N=def',
        'O=d2',
        'P=',
      ],
    },
  ],
  ['absolute WORKDIR stays as written, relative ones join', 'WORKDIR /a/b/', { WorkingDir: '/a/b/' }],
  ['relative WORKDIR', 'WORKDIR /a/b/\nWORKDIR ../c/', { WorkingDir: '/a/c' }],
  [
    'EXPOSE with addresses and upper case',
    'EXPOSE 53/UDP 127.0.0.1:80:8080',
    { ExposedPorts: { '53/udp': {}, '8080/tcp': {} } },
  ],
  [
    'HEALTHCHECK with every flag',
    'HEALTHCHECK --start-interval=2s --start-period=1m30s --interval=0s --timeout=1500ms --retries=3 CMD echo "hi there"',
    {
      Healthcheck: {
        Test: ['CMD-SHELL', 'echo "hi there"'],
        Timeout: 1_500_000_000,
        StartPeriod: 90_000_000_000,
        StartInterval: 2_000_000_000,
        Retries: 3,
      },
    },
  ],
  ['STOPSIGNAL takes names and numbers', 'STOPSIGNAL RTMIN+3', { StopSignal: 'RTMIN+3' }],
  [
    'ONBUILD keeps here-documents with their tabs',
    'ONBUILD RUN <<-EOF cat\n\thi\n\tEOF\nonbuild  run   echo   hi',
    { OnBuild: ['RUN <<-EOF cat\n\thi\nEOF', 'run   echo   hi'] },
  ],
  [
    'LABEL with quotes',
    'LABEL "com.example"="x\\"y" multi="a \\\nb"',
    { Labels: { 'com.example': 'x"y', multi: 'a b' } },
  ],
];

for (const [name, text, expected] of CONFIGS)
  test(`config: ${name}`, { skip }, async () => {
    const { config } = await build(`FROM busybox\n${text}\n`);
    const { Env = [], ...rest } = config;
    const found = { ...rest, Env: Env.filter((entry) => !entry.startsWith('PATH=')) };
    for (const key of Object.keys(expected) as (keyof RunConfig)[]) assert.deepEqual(found[key], expected[key], key);
  });

test('a stage built on another sees its arguments, but its variables win again', { skip }, async () => {
  const { config } = await build('FROM busybox AS one\nARG A=2\nENV B=1\nARG B=3\nFROM one\nENV C=$A-$B\n');
  assert(config.Env?.includes('C=2-1'));
});

test('predefined arguments are seen where they are declared, and can be given', { skip }, async () => {
  const text =
    'FROM busybox\nARG TARGETOS TARGETSTAGE TARGETARCH\nENV R=$TARGETOS/$TARGETSTAGE/$TARGETARCH\nENV S=$BUILDOS\n';
  const { config } = await build(text, { TARGETARCH: 'mine' });
  assert(config.Env?.includes('R=linux/default/mine'));
  assert(config.Env?.includes('S='));
});

test('history reads as BuildKit writes it', { skip }, async () => {
  const { history } = await build(
    'FROM scratch\nARG A=1\nENV A=2\nWORKDIR /a/\nCOPY --chmod=0600 --chown=1:2 x /y\nEXPOSE 80\nCMD a b\nHEALTHCHECK NONE\nUSER 5\n',
  );
  assert.deepEqual(history, [
    'ARG A=1',
    'ENV A=2',
    'WORKDIR /a/',
    'COPY --chown=1:2 --chmod=0600 x /y # buildkit',
    'EXPOSE [80/tcp]',
    'CMD ["/bin/sh" "-c" "a b"]',
    'HEALTHCHECK &{["NONE"] "0s" "0s" "0s" "0s" \'\\x00\'}',
    'USER 5',
  ]);
});

test(
  'a process sees the later of ARG and ENV; WORKDIR belongs to the user; sources may share a file',
  { skip },
  async () => {
    const { output } = await harness.build({
      context,
      dockerfileText:
        'FROM busybox\nENV A=1\nARG A=2\nUSER 5:6\nWORKDIR /q/r\nCOPY --chown=nosuchuser x x2 /one\nRUN echo "A=$A"; ls -ldn /q/r /one | cut -c1-10,15-40; cat /one\n',
    });
    assert.match(output, /A=2\n/);
    assert.match(output, /^drwxr-xr-x.* 5 +6/m);
    assert.match(output, /^-rw-r--r--.* 0 +0/m);
    assert.match(output, /x2\n$/);
  },
);

/** What is refused only when variables are replaced, or files looked at. */
const REFUSED: [text: string, reason: RegExp][] = [
  ['FROM busybox\nVOLUME $UNSET', /VOLUME specified can not be an empty string\nDockerfile:2/],
  ['FROM busybox\nSTOPSIGNAL SIGFOO', /invalid signal: SIGFOO\nDockerfile:2/],
  ['FROM busybox\nSTOPSIGNAL $UNSET', /invalid signal: \nDockerfile:2/],
  ['FROM busybox\nEXPOSE 99999', /invalid containerPort: 99999\nDockerfile:2/],
  ['FROM busybox\nENV A=${B:?must}', /B: must\nDockerfile:2/],
  ['FROM busybox\nCOPY package.jsn /', /"\/package.jsn": not found\nDockerfile:2/],
  ['FROM busybox AS a\nFROM A', /failed to parse stage name "A".*\nDockerfile:2/],
  ['FROM ${A:?needed}', /A: needed\nDockerfile:1/],
];

for (const [text, reason] of REFUSED)
  test(`refused with its line: ${JSON.stringify(text)}`, { skip }, async () => {
    await assert.rejects(build(`${text}\n`), { code: 'invalid_argument', message: reason });
  });

test('a missing source hints at the file that is there', { skip }, async () => {
  await assert.rejects(build('FROM busybox\nCOPY package.jsn /\n'), { hint: /did you mean "package.json"\?/ });
});

/** Files of the image's last layer, as "mode path". */
async function listing(dockerfileText: string, files: Readonly<Record<string, string>>, dockerfile = 'Dockerfile') {
  const path = harness.context({ ...files, [dockerfile]: dockerfileText });
  const { image } = await harness.build({ context: { kind: 'directory', path }, dockerfile });
  const upper = await harness.snapshotter.upperDirOf(image.layers.at(-1)!.chainId);
  return readdirSync(upper, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return `${(statSync(file).mode & 0o7777).toString(8)} ${relative(upper, file)}`;
    })
    .sort();
}

test('<Dockerfile>.dockerignore wins over .dockerignore; here-documents are not filtered', { skip }, async () => {
  const files = { a: '', b: '', '.dockerignore': 'a\n', 'x.Dockerfile.dockerignore': 'b\n*.Dockerfile*\n' };
  const text = 'FROM scratch\nCOPY . /\n';
  assert.deepEqual(await listing(text, files, 'x.Dockerfile'), ['644 .dockerignore', '644 a']);
  assert.deepEqual(await listing(text, { ...files, '.dockerignore': '*\n!a\n' }, 'y.Dockerfile'), ['644 a']);
  assert.deepEqual(await listing('FROM scratch\nCOPY <<b /b\nx\nb\n', { '.dockerignore': '**\n' }), ['644 b']);
});

test('COPY --parents, --exclude and --chmod in letters', { skip }, async () => {
  const files = { 'p/q/r.txt': '', 'p/s.md': '', 'p/t.sh': '' };
  const copy = (rest: string) => listing(`FROM scratch\nCOPY ${rest}\n`, files);
  assert.deepEqual(await copy('--parents p/q/r.txt /x/'), ['644 x/p/q/r.txt']);
  assert.deepEqual(await copy('--parents p/./q/r.txt /x/'), ['644 x/q/r.txt']);
  assert.deepEqual(await copy('--exclude=*.md --exclude=q p /x/'), ['644 x/t.sh']);
  assert.deepEqual(await copy('--chmod=u=rwx,go= p/t.sh /x'), ['700 x']);
  assert.deepEqual(await copy('--chmod=4755 p/t.sh /x'), ['4755 x']);
});

test('ONBUILD of a base stage runs in the stage built on it, and is not inherited further', { skip }, async () => {
  const { config } = await build(
    'FROM busybox AS a\nONBUILD ENV OB=1\nONBUILD COPY x /obx\nFROM a AS b\nENV O2=$OB\nFROM b\n',
  );
  assert(config.Env?.includes('OB=1') && config.Env.includes('O2=1'));
  assert.equal(config.OnBuild, undefined);
  await assert.rejects(build('FROM busybox AS a\nONBUILD BOGUS x\nFROM a\n'), /unknown instruction: BOGUS/);
});
