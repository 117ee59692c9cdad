import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { IgnoreMatcher } from '../../dockerfile/index.ts';
import { destination } from '../steps/copy-step.ts';
import { FileTree } from '../tree/file-tree.ts';
import { copyUnits } from './copy-units.ts';
import { digestUnits } from './digest-units.ts';
import { parseMode } from './mode.ts';
import { missingOwner, resolveOwner } from './owner.ts';
import { Rootfs } from './rootfs.ts';
import { selectUnits } from './select.ts';

const ME = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

function folder(t: TestContext, files: readonly string[] = []): string {
  const path = mkdtempSync(join(tmpdir(), 'lading-copy-'));
  t.after(() => rmSync(path, { recursive: true }));
  for (const name of files) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    if (name.endsWith('/')) mkdirSync(join(path, name));
    else writeFileSync(join(path, name), `<${name}>`);
  }
  return path;
}

function tree(t: TestContext, path: string, ignore?: string): FileTree {
  const opened = new FileTree(path, ignore === undefined ? undefined : IgnoreMatcher.parse(ignore));
  t.after(() => opened[Symbol.dispose]());
  return opened;
}

interface Copy {
  sources: string[];
  dest: string;
  parents?: boolean;
  exclude?: string[];
  chmod?: string;
}

async function copy(t: TestContext, from: string, to: string, request: Copy): Promise<void> {
  const source = tree(t, from);
  using rootfs = new Rootfs(to);
  await copyUnits(
    rootfs,
    request.dest,
    source,
    selectUnits(source, request.sources, { parents: request.parents ?? false }),
    {
      owner: ME,
      parentOwner: ME,
      special: false,
      exclude: request.exclude ? IgnoreMatcher.of(request.exclude) : undefined,
      mode: request.chmod === undefined ? undefined : parseMode(request.chmod),
    },
  );
}

function filesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length))
    .sort();
}

// Docker's rules: docs.docker.com/reference/dockerfile#copy, and BuildKit 0.31 for what they leave open.
const RULES: readonly { name: string; present?: string[]; copy: Copy; expected: string[] }[] = [
  { name: 'a file onto a new name', copy: { sources: ['f'], dest: '/x/y' }, expected: ['/x/y'] },
  { name: 'a file into a folder that must be', copy: { sources: ['f'], dest: '/x/y/' }, expected: ['/x/y/f'] },
  {
    name: 'a file into an existing folder',
    present: ['x/old'],
    copy: { sources: ['f'], dest: '/x' },
    expected: ['/x/f', '/x/old'],
  },
  { name: 'the contents of a folder', copy: { sources: ['d'], dest: '/x' }, expected: ['/x/1', '/x/sub/2'] },
  {
    name: 'the contents of a folder into a folder',
    present: ['x/1', 'x/3'],
    copy: { sources: ['d/'], dest: '/x/' },
    expected: ['/x/1', '/x/3', '/x/sub/2'],
  },
  { name: 'everything', copy: { sources: ['.'], dest: '/' }, expected: ['/d/1', '/d/sub/2', '/f', '/g'] },
  {
    name: 'what a pattern matches',
    copy: { sources: ['[fg]', 'd/s*'], dest: '/x/' },
    expected: ['/x/2', '/x/f', '/x/g'],
  },
  { name: 'nothing when a pattern matches nothing', copy: { sources: ['z*'], dest: '/x/' }, expected: [] },
  { name: 'paths leading out from the root', copy: { sources: ['../../f'], dest: '/' }, expected: ['/f'] },
  {
    name: 'all but what is excluded, and a file that is named in any case',
    copy: { sources: ['d', 'f'], dest: '/x/', exclude: ['sub', 'f'] },
    expected: ['/x/1', '/x/f'],
  },
  {
    name: 'with parents',
    copy: { sources: ['d/sub/2', 'd/./sub/2'], dest: '/x', parents: true },
    expected: ['/x/d/sub/2', '/x/sub/2'],
  },
];

for (const { name, present = [], copy: request, expected } of RULES)
  test(`copyUnits() copies ${name}`, async (t) => {
    const to = folder(t, present);
    await copy(t, folder(t, ['f', 'g', 'd/1', 'd/sub/2']), to, request);
    assert.deepEqual(filesIn(to), expected);
  });

test('selectUnits() says what is not there, in the context or because it is ignored', (t) => {
  const context = tree(t, folder(t, ['a/b', 'keep/x']), 'a\nkeep\n!keep/x\n');
  for (const source of ['nope', './a/b', 'a'])
    assert.throws(() => selectUnits(context, [source]), {
      message: /^failed to compute cache key: "\/[a-z/]+": not found$/,
    });
  assert.equal(selectUnits(context, ['keep']).length, 1);
  assert.deepEqual(context.names(''), ['keep']);
});

test('selectUnits() hints at what is there instead of a missing source', (t) => {
  const files = ['package.json', 'src/Index.ts', 'build/x', 'docs/guide.md', 'docs/guide.txt'];
  const context = tree(t, folder(t, files), 'build\n');
  const hint = (source: string): string => {
    try {
      selectUnits(context, [source]);
    } catch (error) {
      return (error as { hint?: string }).hint ?? '';
    }
    return 'found';
  };
  assert.equal(hint('package.jsn'), `did you mean "package.json"?`);
  assert.equal(hint('./SRC/index.ts'), `did you mean "src"?`);
  assert.equal(hint('src/index.ts'), `did you mean "src/Index.ts"?`);
  assert.equal(hint('docs/guide.html'), `did you mean "docs/guide.md" or "docs/guide.txt"?`);
  assert.equal(
    hint('build/x'),
    '"build/x" is excluded by .dockerignore (pattern "build"): change the pattern, or add "!build/x" behind it',
  );
  assert.equal(
    hint('nothing/like/it'),
    'there is no "nothing" at the root of what is copied from, only docs, package.json, src',
  );
});

test('copyUnits() keeps modes and times, gives new folders 0755 and copied ones their own', async (t) => {
  const from = folder(t, ['d/sub/f']);
  chmodSync(join(from, 'd'), 0o700);
  chmodSync(join(from, 'd/sub'), 0o710);
  chmodSync(join(from, 'd/sub/f'), 0o4750);
  utimesSync(join(from, 'd/sub/f'), 1, 1.5);
  utimesSync(join(from, 'd/sub'), 2, 2);
  const to = folder(t);
  await copy(t, from, to, { sources: ['d'], dest: '/new' });
  const mode = (path: string) => (statSync(join(to, path)).mode & 0o7777).toString(8);
  assert.deepEqual(['new', 'new/sub', 'new/sub/f'].map(mode), ['755', '710', '4750']);
  assert.deepEqual([statSync(join(to, 'new/sub/f')).mtimeMs, statSync(join(to, 'new/sub')).mtimeMs], [1500, 2000]);
  await copy(t, from, to, { sources: ['d'], dest: '/other', chmod: 'u=rwX,go=rX' });
  assert.deepEqual(['other', 'other/sub', 'other/sub/f'].map(mode), ['755', '755', '755']);
});

test('copyUnits() copies links as links, and follows the one that is named', async (t) => {
  const from = folder(t, ['real']);
  symlinkSync('/real', join(from, 'named'));
  mkdirSync(join(from, 'd'));
  symlinkSync('/etc/passwd', join(from, 'd/inner'));
  const to = folder(t);
  await copy(t, from, to, { sources: ['named', 'd'], dest: '/x/' });
  assert.equal(readFileSync(join(to, 'x/named'), 'utf8'), '<real>');
  assert.ok(lstatSync(join(to, 'x/inner')).isSymbolicLink());
});

test('copyUnits() stays inside a root file system with hostile links', async (t) => {
  const outside = folder(t);
  const to = folder(t, ['inside/old']);
  symlinkSync(outside, join(to, 'absolute'));
  symlinkSync(`../../../../../..${outside}`, join(to, 'relative'));
  symlinkSync(join(outside, 'new'), join(to, 'dangling'));
  symlinkSync('inside', join(to, 'fine'));
  symlinkSync('loop', join(to, 'loop'));
  const from = folder(t, ['f', 'tree/absolute/f', 'files/dangling']);
  for (const dest of ['/absolute/', '/relative/g', '/dangling', '/fine/'])
    await copy(t, from, to, { sources: ['f'], dest });
  assert.deepEqual(readdirSync(outside), []);
  assert.equal(readFileSync(join(to, 'inside/f'), 'utf8'), '<f>');
  assert.equal(readFileSync(join(to, outside, 'new'), 'utf8'), '<f>');
  await assert.rejects(copy(t, from, to, { sources: ['tree'], dest: '/' }), {
    message: 'cannot copy to non-directory: /absolute',
  });
  await assert.rejects(copy(t, from, to, { sources: ['f'], dest: '/loop/' }), /too many levels of symbolic links/);
  await copy(t, from, to, { sources: ['files'], dest: '/' });
  assert.ok(lstatSync(join(to, 'dangling')).isFile(), 'a file replaces the link itself');
  assert.ok(!existsSync(join(outside, 'g')));
});

test('copyUnits() does not replace a folder with a file', async (t) => {
  const to = folder(t, ['x/f/inner']);
  await assert.rejects(copy(t, folder(t, ['f']), to, { sources: ['f'], dest: '/x/' }), {
    message: 'cannot replace to directory /x/f with file',
  });
});

test('digestUnits() counts names, modes, links and contents, not times and owners', async (t) => {
  const digest = async (change: (path: string) => void, exclude?: string[]) => {
    const path = folder(t, ['d/a', 'd/b']);
    symlinkSync('a', join(path, 'd/link'));
    change(path);
    const source = tree(t, path);
    const options = { keepOwner: false, exclude: exclude ? IgnoreMatcher.of(exclude) : undefined };
    return (await digestUnits(source, selectUnits(source, ['d']), options)).digest;
  };
  const plain = await digest(() => undefined);
  assert.equal(await digest((path) => utimesSync(join(path, 'd/a'), 1, 1)), plain);
  assert.equal(await digest((path) => writeFileSync(join(path, 'beside'), '')), plain);
  assert.equal(await digest((path) => writeFileSync(join(path, 'd/new'), ''), ['new']), plain);
  const changes: ((path: string) => void)[] = [
    (path) => writeFileSync(join(path, 'd/a'), 'other'),
    (path) => chmodSync(join(path, 'd/a'), 0o755),
    (path) => writeFileSync(join(path, 'd/new'), ''),
    (path) => rmSync(join(path, 'd/b')),
    (path) => {
      rmSync(join(path, 'd/link'));
      symlinkSync('b', join(path, 'd/link'));
    },
  ];
  for (const change of changes) assert.notEqual(await digest(change), plain);
});

test('destination() joins WORKDIR and keeps what says folder', () => {
  const at = (dest: string) => destination({ WorkingDir: '/w' }, { dest });
  assert.deepEqual(
    ['x', 'x/', '.', './', '/', '/x/../y', '../..'].map((dest) => at(dest)),
    ['/w/x', '/w/x/', '/w/', '/w/', '/', '/y', '/'],
  );
});

test('resolveOwner() reads names from the image itself', (t) => {
  const path = folder(t, ['etc/x']);
  writeFileSync(join(path, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n');
  writeFileSync(join(path, 'etc/group'), 'root:x:0:\nstaff:x:50:app\n');
  using rootfs = new Rootfs(path);
  const owners = ['app', 'app:staff', '5', '5:6', ':staff'].map((text) => resolveOwner(rootfs, text));
  assert.deepEqual(
    owners.map(({ uid, gid }) => `${uid}:${gid}`),
    ['1000:1001', '1000:50', '5:5', '5:6', '0:50'],
  );
  const told: string[] = [];
  const lenient = ['nobody', 'app:nogroup', '1:2:3'].map((text) =>
    resolveOwner(rootfs, text, (...one) => told.push(one.join(' '))),
  );
  assert.deepEqual(lenient, [
    { uid: 0, gid: 0 },
    { uid: 1000, gid: 1001 },
    { uid: 1, gid: 1 },
  ]);
  assert.deepEqual(told, ['user nobody', 'group nogroup', 'group 2:3']);
  assert.throws(
    () =>
      resolveOwner(
        rootfs,
        'nobody',
        missingOwner(undefined, () => undefined),
      ),
    {
      message: 'unable to find user nobody: the stage has no files yet',
    },
  );
});

test('parseMode() reads octal and symbolic modes', () => {
  assert.equal(parseMode('0644')(0o777, false), 0o644);
  assert.equal(parseMode('a-w,u+x')(0o666, false), 0o544);
  assert.equal(parseMode('go=rX')(0o700, false), 0o755);
  // What Docker made of them.
  const said: [text: string, mode: number, result: number][] = [
    ['u=rw', 0o4755, 0o655],
    ['=r', 0o7777, 0o1444],
    ['u+s,g+s,+t', 0o755, 0o7755],
    ['o+st', 0o644, 0o644],
    ['u+x-w', 0o644, 0o544],
    ['u=g', 0o4750, 0o4550],
    ['o=ug', 0o750, 0o755],
    ['go=u-w', 0o700, 0o755],
    ['a-X', 0o755, 0o644],
  ];
  for (const [text, mode, result] of said)
    assert.equal(parseMode(text)(mode, false).toString(8), result.toString(8), text);
  for (const text of ['888', 'x+q', '', '77777']) assert.throws(() => parseMode(text), { code: 'invalid_argument' });
});
