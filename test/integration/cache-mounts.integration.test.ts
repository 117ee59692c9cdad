import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, beforeEach, describe, it } from 'node:test';
import { exportMounts, importMounts } from '../../src/builder/index.ts';
import { builderSkipReason } from '../support/busybox.ts';
import { BuilderHarness } from '../support/builder-harness.ts';

/** Cache mounts that are listed, removed, and carried from one machine to another. */
describe('cache mounts', { skip: builderSkipReason() }, () => {
  let one: BuilderHarness;
  let two: BuilderHarness;
  before(async () => {
    one = await BuilderHarness.open();
    two = await BuilderHarness.open();
  });
  after(async () => {
    await one.close();
    await two.close();
  });
  beforeEach(async () => {
    for (const machine of [one, two]) {
      const mounts = await machine.builder.cacheMounts();
      for (const { folder } of await mounts.list()) await mounts.remove(folder);
    }
  });

  const build = (on: BuilderHarness, text: string, more = {}) =>
    on.build({
      context: { kind: 'directory', path: on.context({}) },
      dockerfileText: `FROM busybox\n${text}`,
      ...more,
    });
  const list = async (on: BuilderHarness) => (await on.builder.cacheMounts()).list();
  const bytesOf = async (stream: AsyncIterable<Buffer>): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  const exported = async (on: BuilderHarness): Promise<Buffer> =>
    bytesOf(
      exportMounts(
        await on.builder.cacheMounts(),
        (await list(on)).map(({ folder }) => folder),
      ),
    );
  const importInto = async (on: BuilderHarness, bytes: Buffer) =>
    importMounts(await on.builder.cacheMounts(), Readable.from([bytes]));

  it('are listed with id, namespace, size, times and uses', async () => {
    const run = 'RUN --mount=type=cache,id=npm,target=/c dd if=/dev/zero of=/c/x bs=1M count=2 && date +%N';
    await build(one, run);
    await build(one, run, { noCache: true, buildArgs: { BUILDKIT_CACHE_MOUNT_NS: 'team' } });
    await build(one, run, { noCache: true });
    const views = (await list(one)).toSorted((a, b) => a.namespace.localeCompare(b.namespace));
    assert.deepEqual(
      views.map(({ name, namespace, uses, inUse }) => [name, namespace, uses, inUse]),
      [
        ['npm', '', 2, false],
        ['npm', 'team', 1, false],
      ],
    );
    assert.ok(views.every(({ sizeBytes }) => sizeBytes >= 2 << 20 && sizeBytes < 3 << 20));
  });

  it('are found by id and by the beginning of their folder, and not removed while a step uses them', async () => {
    const abort = new AbortController();
    const running = Promise.withResolvers<void>();
    const result = one.build(
      {
        context: { kind: 'directory', path: one.context({}) },
        dockerfileText: 'FROM busybox\nRUN --mount=type=cache,target=/busy echo here; sleep 60',
      },
      { signal: abort.signal, onEvent: (event) => event.kind === 'output' && running.resolve() },
    );
    result.catch(() => undefined);
    await running.promise;
    const mounts = await one.builder.cacheMounts();
    const [busy] = await mounts.resolve(['/busy']);
    assert.deepEqual([busy!.inUse, await mounts.remove(busy!.folder)], [true, false]);
    assert.deepEqual(
      (await one.builder.prune({ all: true, filters: {} })).items.map(({ id }) => id).includes(busy!.folder),
      false,
    );
    abort.abort();
    await assert.rejects(result);
    assert.deepEqual(
      (await mounts.resolve([busy!.folder.slice(0, 8)])).map(({ name }) => name),
      ['/busy'],
    );
    assert.equal(await mounts.remove(busy!.folder), true);
    await assert.rejects(mounts.resolve(['/busy']), { code: 'not_found' });
  });

  it('travel with owners, modes, links and extended attributes', async () => {
    const text = (command: string): string => `RUN --mount=type=cache,id=all,target=/c ${command}`;
    await build(
      one,
      text(
        "cd /c && mkdir d && echo hello > d/file && chown 12:34 d/file && chmod 4750 d/file && ln d/file hard && ln -s d/file soft && ln -s /etc/passwd out && mkfifo pipe && touch 'a b'",
      ),
    );
    const folder = join(one.dir, 'build/cache-mounts', (await list(one))[0]!.folder);
    const hasXattrs = spawnSync('setfattr', ['-n', 'user.colour', '-v', 'red', join(folder, 'd/file')]).status === 0;
    assert.deepEqual(
      (await importInto(two, await exported(one))).map(({ name, outcome }) => [name, outcome]),
      [['all', 'added']],
    );
    const copy = join(two.dir, 'build/cache-mounts', (await list(two))[0]!.folder);
    const facts = (root: string) =>
      readdirSync(root, { recursive: true, encoding: 'utf8' })
        .sort()
        .map((path) => {
          const { mode, uid, gid, size, nlink, mtimeMs } = lstatSync(join(root, path));
          return [
            path,
            mode,
            uid,
            gid,
            lstatSync(join(root, path)).isFile() ? size : 0,
            nlink,
            Math.floor(mtimeMs / 1000),
          ];
        });
    assert.deepEqual(facts(copy), facts(folder));
    assert.equal(lstatSync(join(copy, 'hard')).ino, lstatSync(join(copy, 'd/file')).ino);
    if (hasXattrs)
      assert.match(
        spawnSync('getfattr', ['-n', 'user.colour', join(copy, 'd/file')], { encoding: 'utf8' }).stdout,
        /red/,
      );
    const { output } = await build(two, text('cat /c/d/file && readlink /c/out'));
    assert.equal(output, 'hello\n/etc/passwd\n');
    assert.equal((await list(two))[0]!.uses, 2);
  });

  it('replace what is there, also compressed; and the tar of nothing is one', async () => {
    const write = (on: BuilderHarness, word: string) =>
      build(on, `RUN --mount=type=cache,id=r,target=/c echo ${word} > /c/word`);
    await write(one, 'new');
    await write(two, 'old');
    const bytes = spawnSync('gzip', ['-c'], { input: await exported(one) }).stdout;
    assert.deepEqual(
      (await importInto(two, bytes)).map(({ outcome }) => outcome),
      ['replaced'],
    );
    const [view] = await list(two);
    assert.equal(readFileSync(join(two.dir, 'build/cache-mounts', view!.folder, 'word'), 'utf8'), 'new\n');
    const nothing = await bytesOf(exportMounts(await one.builder.cacheMounts(), []));
    assert.deepEqual(await importInto(two, nothing), []);
  });

  it('a hostile or broken archive changes nothing and stays inside', async () => {
    await build(one, 'RUN --mount=type=cache,id=h,target=/c echo x > /c/x');
    const good = await exported(one);
    const { folder } = (await list(one))[0]!;
    const dir = mkdtempSync(join(tmpdir(), 'lading-hostile-'));
    const record = { id: 'other', createdAt: '2026-01-01T00:00:00Z', lastUsedAt: '2026-01-01T00:00:00Z', uses: 1 };
    /** An archive of a folder that `fill` fills. */
    const packed = (mounts: unknown, fill: (root: string) => void = () => undefined): Buffer => {
      const root = mkdtempSync(join(dir, 'root-'));
      writeFileSync(join(root, 'lading-cache-mounts.json'), JSON.stringify({ version: 1, mounts }));
      fill(root);
      return spawnSync('tar', ['-C', root, '-cf', '-', '.'], { maxBuffer: 1 << 26 }).stdout;
    };
    const rows: [string, RegExp, Buffer][] = [
      ['no tar', /./, Buffer.from('this is no tar at all'.repeat(100))],
      ['cut short', /./, good.subarray(0, good.length >> 1)],
      [
        'no inventory',
        /there is no lading-cache-mounts.json/,
        spawnSync('tar', ['-C', one.context({ a: 'a' }), '-cf', '-', '.']).stdout,
      ],
      ['no list', /another version/, packed('none')],
      ['a folder that leads out', /malformed/, packed([{ ...record, folder: '../../etc' }])],
      [
        'the folder of another id',
        /not that of the id/,
        packed([{ ...record, folder }], (root) => mkdirSync(join(root, folder))),
      ],
      [
        'a link for a folder',
        /is not in it/,
        packed(
          [{ ...record, id: JSON.parse(good.subarray(512, good.indexOf(0, 512)).toString()).mounts[0].id, folder }],
          (root) => symlinkSync('/etc', join(root, folder)),
        ),
      ],
      [
        'an inventory that is a link',
        /there is no lading/,
        packed([], (root) => {
          rmSync(join(root, 'lading-cache-mounts.json'));
          symlinkSync('/etc/passwd', join(root, 'lading-cache-mounts.json'));
        }),
      ],
    ];
    for (const [name, message, bytes] of rows)
      await assert.rejects(importInto(two, bytes), (error: Error) => message.test(error.message), name);
    assert.deepEqual(await list(two), []);
    assert.deepEqual(readdirSync(join(two.dir, 'build/cache-mounts')), []);
    const outside = join(dir, 'outside');
    writeFileSync(outside, 'untouched');
    const through = packed([], (root) => {
      symlinkSync(dir, join(root, 'way'));
      linkSync(outside, join(root, 'hard'));
    });
    assert.deepEqual(await importInto(two, through), []);
    assert.equal(readFileSync(outside, 'utf8'), 'untouched');
    rmSync(dir, { recursive: true });
  });

  it('what a crash left of an import or removal is cleared away', async () => {
    await build(one, 'RUN --mount=type=cache,id=keep,target=/c echo x > /c/x');
    const root = join(one.dir, 'build/cache-mounts');
    for (const name of ['.import-0123', '.trash-0123']) mkdirSync(join(root, name, 'deep'), { recursive: true });
    await one.close(true);
    one = await BuilderHarness.open(one.dir);
    await one.builder.cacheMounts();
    const left = readdirSync(root).filter((name) => /^\.(import|trash)-\d+$/.test(name));
    assert.deepEqual(left, []);
    assert.deepEqual(
      (await list(one)).map(({ name }) => name),
      ['keep'],
    );
  });
});
