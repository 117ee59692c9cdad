import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createReadStream, readFileSync, renameSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TarWriter, type TarHeader } from '../../src/archive/index.ts';
import { BuilderHarness } from '../support/builder-harness.ts';
import { entriesOf, readInImage } from '../support/image-files.ts';
import { serving } from '../support/loopback.ts';

const isRoot = process.getuid?.() === 0;
const skip = isRoot ? false : 'needs root';
let harness: BuilderHarness;

before(async () => {
  if (isRoot) harness = await BuilderHarness.open();
});

after(async () => {
  if (!isRoot) return;
  assert.deepEqual(await harness.leftovers(), []);
  await harness.close();
});

/** A context whose links lead everywhere. */
function hostileContext(): string {
  const context = harness.context({ 'in/file': 'inside', plain: 'p' });
  writeFileSync(join(context, '../secret'), 'outside');
  const links = {
    absolute: '/etc/passwd',
    relative: '../secret',
    deep: '../../../../../../../../etc/passwd',
    folder: '/etc',
    up: '..',
    loop1: 'loop2',
    loop2: 'loop1',
    self: 'self',
    rooted: '/in/file',
    'in/back': '../../../secret',
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(context, name));
  return context;
}

test('no source of COPY or ADD leads out of the context', { skip }, async () => {
  const path = hostileContext();
  const build = (instruction: string) =>
    harness.build({ context: { kind: 'directory', path }, dockerfileText: `FROM scratch\n${instruction}\n` });
  for (const source of [
    '../secret',
    '/../secret',
    'in/../../secret',
    'absolute',
    'relative',
    'deep',
    'folder/passwd',
    'folder/../etc/passwd',
    'up/secret',
    'in/back',
    'abs*/x',
  ]) {
    const what = source.includes('*') ? `COPY plain ${source} /x/` : `COPY ${source} /x`;
    const refused = /not found/;
    if (source.includes('*'))
      assert.deepEqual(await entriesOf(harness, (await build(what)).image), ['d x', 'f x/plain']);
    else await assert.rejects(build(what), { message: refused }, source);
    if (!source.includes('*')) await assert.rejects(build(what.replace('COPY', 'ADD')), { message: refused }, source);
  }
  for (const source of ['loop1', 'self', 'loop1/x'])
    await assert.rejects(build(`COPY ${source} /x`), { message: /too many levels of symbolic links/ }, source);
  assert.equal(await readInImage(harness, (await build('COPY rooted /x')).image, 'x'), 'inside');
  // Within a folder links are copied as links: what they say, not what they lead to.
  const whole = await build('COPY . /');
  assert.ok((await entriesOf(harness, whole.image)).includes('l absolute -> /etc/passwd'));
});

test('pipes and devices are copied as such, a socket as an empty file, as Docker has it', { skip }, async () => {
  const path = harness.context({ plain: 'p' });
  spawnSync('mkfifo', [join(path, 'pipe')]);
  spawnSync('mknod', [join(path, 'null'), 'c', '1', '3']);
  const { createServer: listen } = await import('node:net');
  const server = listen();
  await new Promise<void>((resolve) => server.listen(join(path, 'sock'), resolve));
  const request = { context: { kind: 'directory', path }, dockerfileText: 'FROM scratch\nCOPY . /\n' } as const;
  try {
    const { image } = await harness.build(request);
    assert.deepEqual(await entriesOf(harness, image), ['c null', 'p pipe', 'f plain', 'f sock']);
    for (const name of ['pipe', 'null', 'sock'])
      await harness.build({ ...request, dockerfileText: `FROM scratch\nCOPY ${name} /x\n` });
    await assert.rejects(harness.build({ ...request, dockerfileText: undefined!, dockerfile: 'pipe' }), {
      message: /failed to read dockerfile/,
    });
  } finally {
    server.close();
  }
});

test(
  'names with line breaks, quotes and bytes that are not UTF-8 arrive unchanged and count for the key',
  { skip },
  async () => {
    const path = harness.context({ 'new\nline': '1', 'quo"te': '2', ' blank ': '3' });
    writeFileSync(Buffer.concat([Buffer.from(`${path}/bad`), Buffer.of(0xff, 0xfe)]), '4');
    const request = { context: { kind: 'directory', path }, dockerfileText: 'FROM scratch\nCOPY . /\n' } as const;
    const first = await harness.build(request);
    assert.deepEqual((await entriesOf(harness, first.image)).sort(), [
      'f  blank ',
      'f bad\\xff\\xfe',
      'f new\nline',
      'f quo"te',
    ]);
    assert.deepEqual((await harness.build(request)).statuses.slice(-1), ['COPY cached']);
    renameSync(join(path, 'new\nline'), join(path, 'new'));
    writeFileSync(join(path, 'line'), '');
    assert.deepEqual((await harness.build(request)).statuses.slice(-1), ['COPY done']);
  },
);

test('a file rewritten with its old size and time is noticed', { skip }, async () => {
  const path = harness.context({ file: 'first' });
  const request = { context: { kind: 'directory', path }, dockerfileText: 'FROM scratch\nCOPY file /\n' } as const;
  await new Promise((resolve) => setTimeout(resolve, 80));
  await harness.build(request);
  const { atime, mtime } = statSync(join(path, 'file'));
  writeFileSync(join(path, 'file'), 'other');
  utimesSync(join(path, 'file'), atime, mtime);
  const built = await harness.build(request);
  assert.equal(await readInImage(harness, built.image, 'file'), 'other');
  writeFileSync(join(path, 'next'), 'third');
  utimesSync(join(path, 'next'), atime, mtime);
  renameSync(join(path, 'next'), join(path, 'file'));
  assert.equal(await readInImage(harness, (await harness.build(request)).image, 'file'), 'third');
});

test('a context that changes while it is read never leaves a wrong result in the cache', { skip }, async () => {
  const path = harness.context({ file: 'old', 'sub/inner': 'x' });
  // The download comes between digesting the context and copying it.
  let asked = 0;
  await serving(
    (_request, response) => {
      if (asked++ === 0) writeFileSync(join(path, 'file'), 'new');
      response.end('x');
    },
    async (url) => {
      const dockerfileText = `FROM scratch\nADD file ${url}/x /d/\n`;
      const request = { context: { kind: 'directory', path }, dockerfileText } as const;
      const changed = await harness.build(request);
      assert.equal(await readInImage(harness, changed.image, 'd/file'), 'new');
      writeFileSync(join(path, 'file'), 'old');
      const again = await harness.build(request);
      assert.deepEqual(again.statuses.slice(-1), ['ADD done']);
      assert.equal(await readInImage(harness, again.image, 'd/file'), 'old');
      assert.deepEqual((await harness.build(request)).statuses.slice(-1), ['ADD cached']);
    },
  );
  await serving(
    (_request, response) => {
      renameSync(join(path, 'sub/inner'), join(path, 'gone'));
      response.end('y');
    },
    (url) =>
      assert.rejects(
        harness.build({
          context: { kind: 'directory', path },
          dockerfileText: `FROM scratch\nADD sub ${url}/y /d/\n`,
        }),
        { code: 'conflict', message: /"\/sub\/inner" changed while the build read it: ENOENT/ },
      ),
  );
});

interface Entry {
  readonly name: string;
  readonly type: 'file' | 'symlink' | 'hardlink';
  readonly linkName?: string;
}

test('a RUN whose mounted context changes while it runs is not remembered', { skip }, async () => {
  const path = harness.context({ 'src/file': 'old' });
  const dockerfileText =
    'FROM busybox\nRUN --mount=target=/c,source=src cat /c/file > /seen && echo ready && sleep 0.3 && cat /c/file > /later\n';
  const request = { context: { kind: 'directory', path }, dockerfileText } as const;
  const first = await harness.build(request, {
    onEvent: (event) => {
      if (event.kind === 'output' && event.text.includes('ready')) writeFileSync(join(path, 'src/file'), 'new');
    },
  });
  assert.equal(await readInImage(harness, first.image, 'later'), 'new');
  writeFileSync(join(path, 'src/file'), 'old');
  const second = await harness.build(request);
  assert.deepEqual(second.statuses.slice(-1), ['RUN done']);
  assert.equal(await readInImage(harness, second.image, 'later'), 'old');
  writeFileSync(join(path, 'unrelated'), 'x');
  assert.deepEqual((await harness.build(request)).statuses.slice(-1), ['RUN cached']);
});

test('a tar context cannot write or read outside of its folder', { skip }, async () => {
  const tar = join(harness.context({}), 'context.tar');
  const build = async (dockerfileText: string) =>
    harness.build({ context: { kind: 'tar', stream: createReadStream(tar) }, dockerfileText });
  const pack = async (entries: readonly Entry[]): Promise<void> => {
    const chunks: Buffer[] = [];
    const writer = new TarWriter((chunk) => void chunks.push(Buffer.from(chunk)));
    for (const { name, type, linkName } of entries) {
      const content = Buffer.from(type === 'file' ? 'evil' : '');
      const times = { uid: 0, gid: 0, mode: 0o644, mtime: { sec: 0, nsec: 0 } };
      const header = { name, type, size: content.length, ...times, ...(linkName === undefined ? {} : { linkName }) };
      await writer.add(header as TarHeader, content);
    }
    await writer.end();
    writeFileSync(tar, Buffer.concat(chunks));
  };
  const outside = join(harness.context({}), 'victim');
  const file = (name: string) => ({ name, type: 'file' as const });
  await pack([{ name: 'link', type: 'symlink', linkName: outside }, file('link')]);
  await build('FROM scratch\nCOPY . /\n').catch(() => undefined);
  await pack([{ name: 'dir', type: 'symlink', linkName: join(outside, '..') }, file('dir/victim')]);
  await build('FROM scratch\nCOPY . /\n').catch(() => undefined);
  await pack([file('../../victim'), file('/victim')]);
  await build('FROM scratch\nCOPY . /\n').catch(() => undefined);
  assert.throws(() => statSync(outside), { code: 'ENOENT' });
  await pack([{ name: 'hard', type: 'hardlink', linkName: '/etc/passwd' }]);
  await assert.rejects(build('FROM scratch\nCOPY hard /\n'), { code: 'invalid_argument' });
  await pack([{ name: 'soft', type: 'symlink', linkName: '/etc/passwd' }]);
  await assert.rejects(build('FROM scratch\nCOPY soft /\n'), { message: /"\/soft": not found/ });
  writeFileSync(tar, readFileSync('/bin/ls').subarray(0, 100_000));
  await assert.rejects(build('FROM scratch\n'), { code: 'invalid_argument' });
});
