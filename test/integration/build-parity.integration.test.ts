import assert from 'node:assert/strict';
import { lstatSync, lutimesSync, readdirSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { BuilderHarness } from '../support/builder-harness.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const SOURCE_TIME = 1_000_000_000;
let harness: BuilderHarness;
let path: string;

before(async () => {
  if (skip) return;
  harness = await BuilderHarness.open();
  path = harness.context({
    a: 'A',
    b: 'B',
    'sub/a': 'SA',
    'sub/c.txt': 'C',
    'sub/deep/x': 'X',
    'ign/k': '',
    '.dockerignore': 'ign',
  });
  symlinkSync('sub', join(path, 'link'));
  symlinkSync('nowhere', join(path, 'dangling'));
  for (const name of ['.', ...readdirSync(path, { recursive: true, encoding: 'utf8' })])
    lutimesSync(join(path, name), SOURCE_TIME, SOURCE_TIME);
});
after(async () => {
  if (!skip) await harness.close();
});

/** What the last layer holds, as "mode path", folders with a slash, and with "@" when they have the source's time. */
async function layerOf(dockerfileText: string): Promise<string[]> {
  const { image } = await harness.build({ context: { kind: 'directory', path }, dockerfileText, noCache: true });
  const upper = await harness.snapshotter.upperDirOf(image.layers.at(-1)!.chainId);
  return readdirSync(upper, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const stat = lstatSync(file);
      const time = stat.isDirectory() && stat.mtimeMs === SOURCE_TIME * 1000 ? '@' : '';
      return `${(stat.mode & 0o7777).toString(8)} ${relative(upper, file)}${stat.isDirectory() ? '/' : ''}${time}`;
    })
    .sort((one, other) => (one.replace(/^\d+/, '') < other.replace(/^\d+/, '') ? -1 : 1));
}

/** Docker 28 (BuildKit 0.25) made each of these layers, but that an excluded folder made for what is in it has no time of the source there. */
const LAYERS: [name: string, instruction: string, expected: string[]][] = [
  ['a folder copied into gets the time of the source', 'COPY sub/deep /x/y', ['755 x/', '755 x/y/@', '644 x/y/x']],
  ['unless a file comes later', 'COPY sub/deep a /x/', ['755 x/', '644 x/a', '644 x/x']],
  ['the context itself has no time to give', 'COPY --exclude=* . /x', ['755 x/']],
  [
    'octal permissions are those of the folders on the way, too',
    'COPY --chmod=0710 a /p/q/r',
    ['710 p/', '710 p/q/', '710 p/q/r'],
  ],
  ['without the bits beyond rwx', 'COPY --chmod=4750 a /p/q', ['750 p/', '4750 p/q']],
  ['those of a here-document, too', 'COPY --chmod=700 <<p /p/q\np', ['700 p/', '700 p/q']],
  ['permissions in letters are not', 'COPY --chmod=go= a /p/q', ['755 p/', '600 p/q']],
  ['a file that is named is not excluded', 'COPY --exclude=* a b /x/', ['755 x/', '644 x/a', '644 x/b']],
  ['nor one that a pattern matches', 'COPY --exclude=a a* /x/', ['755 x/', '644 x/a']],
  [
    'an excluded folder in which nothing is included is not made',
    'COPY --exclude=* --exclude=!sub/q . /x/',
    ['755 x/'],
  ],
  [
    'one in which something is, is made',
    'COPY --exclude=* --exclude=!**/x sub /x/',
    ['755 x/@', '755 x/deep/@', '644 x/deep/x'],
  ],
  ['with --parents links are copied as such', 'COPY --parents lin* /x/', ['755 x/', '777 x/link']],
  [
    'a name behind a wildcard need not be in every folder',
    'COPY */c.txt sub/*/c.txt sub/*/x /x/',
    ['755 x/', '644 x/c.txt', '644 x/x'],
  ],
  ['links behind a wildcard are not followed', 'COPY l*k/* /x/', []],
  ['those before it are', 'COPY link/c* /x/', ['755 x/', '644 x/c.txt']],
];

for (const [name, instruction, expected] of LAYERS)
  test(`COPY: ${name}`, { skip }, async () => {
    assert.deepEqual(
      await layerOf(`FROM scratch\nCOPY b /b\n${instruction}\n`),
      expected.length > 0 ? expected : ['644 b'],
    );
  });

test('the folder a pattern begins with must exist, and what a link leads to that it matches', { skip }, async () => {
  await assert.rejects(layerOf('FROM scratch\nCOPY nosuch/* /\n'), { message: /"\/nosuch": not found/ });
  await assert.rejects(layerOf('FROM scratch\nCOPY d* /\n'), { message: /"\/dangling": not found/ });
  await assert.rejects(layerOf('FROM scratch\nCOPY ign/* /\n'), { hint: /excluded by .dockerignore/ });
});

test(
  '--parents: patterns before and behind the pivot, any number of folders, folders like those they stand for',
  { skip },
  async () => {
    const base = [
      'FROM busybox AS base',
      'RUN mkdir -p /t/a/b/c/d/e /t/a/b2/c/d/e && touch /t/a/b/c/d/foo /t/a/b/c/d/e/bay /t/a/b2/c/d/e/bar && chmod 700 /t/a/b',
      'FROM scratch',
      'COPY a /a',
    ].join('\n');
    const copied = (rest: string) => layerOf(`${base}\nCOPY --from=base --parents ${rest}\n`);
    assert.deepEqual(await copied('/t/a/./*/c/d/foo /o/'), [
      '755 o/',
      '700 o/b/',
      '755 o/b/c/',
      '755 o/b/c/d/',
      '644 o/b/c/d/foo',
    ]);
    assert.deepEqual(await copied('/t/a/b*/./c/**/e /o/'), [
      '755 o/',
      '755 o/c/',
      '755 o/c/d/',
      '755 o/c/d/e/',
      '644 o/c/d/e/bar',
      '644 o/c/d/e/bay',
    ]);
    assert.deepEqual(await copied('/t/a/zz*/c /o/'), ['755 o/']);
    assert.deepEqual(
      await copied('--exclude=t/a/b /t/a/b*/c/d/e/ba* /o/').then((all) => all.filter((one) => /ba.$/.test(one))),
      ['644 o/t/a/b2/c/d/e/bar'],
    );
    await assert.rejects(copied('/t/nosuch /o/'), { message: /"\/t\/nosuch": not found/ });
  },
);

test('what stages begin with must make sense, also where they are not needed', { skip }, async () => {
  const rest = 'FROM scratch\nCOPY a /a\n';
  await assert.rejects(layerOf(`FROM $UNSET AS x\n${rest}`), { message: /base name \(\$UNSET\) should not be blank/ });
  await assert.rejects(layerOf(`FROM \${UNSET:?must} AS x\n${rest}`), { message: /UNSET: must/ });
  assert.deepEqual(await layerOf(`FROM nobody/has-this AS x\nCOPY nosuch /\n${rest}`), ['644 a']);
});
