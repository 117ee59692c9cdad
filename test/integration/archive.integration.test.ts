import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import {
  applyLayer,
  changesOfUpper,
  compressLayer,
  extractTar,
  tarTree,
  TarWriter,
  writeLayerFromUpper,
  type TarHeader,
} from '../../src/archive/index.ts';
import { getXattr, listXattrs, makeDev, mknod, mount, S_IF, setXattr, umount } from '../../src/sys/index.ts';

const skip = process.geteuid?.() === 0 ? false : 'needs root: owners, devices and trusted attributes';

async function inScratch(run: (base: string) => Promise<void>): Promise<void> {
  const base = mkdtempSync('/var/tmp/lading-archive-');
  try {
    await run(base);
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

/** What a layer keeps of a tree: everything but inode numbers and fractions of seconds. Hard links by the first name in order. */
function picture(root: string): Map<string, unknown[]> {
  const seen = new Map<string, string>();
  const found = new Map<string, unknown[]>();
  const walk = (path: string) => {
    for (const name of readdirSync(Buffer.from(`${root}/${path}`, 'latin1'), 'latin1').sort()) {
      const relative = path === '' ? name : `${path}/${name}`;
      const full = Buffer.from(`${root}/${relative}`, 'latin1');
      const stats = lstatSync(full, { bigint: true });
      const id = `${stats.dev}:${stats.ino}`;
      if (!seen.has(id)) seen.set(id, relative);
      const native = Buffer.concat([full, Buffer.of(0)]);
      const xattrs = listXattrs(native)
        .sort()
        .map((each) => [each, getXattr(native, each)?.toString('hex')]);
      const content = stats.isFile()
        ? readFileSync(full).toString('latin1')
        : stats.isSymbolicLink()
          ? readlinkSync(full, 'latin1')
          : '';
      found.set(relative, [
        stats.mode,
        stats.uid,
        stats.gid,
        stats.rdev,
        Math.floor(Number(stats.mtimeMs) / 1000),
        seen.get(id),
        xattrs,
        content,
      ]);
      if (stats.isDirectory()) walk(relative);
    }
  };
  walk('');
  return found;
}

/** A tree from numbers: every kind of entry, odd names, owners, modes, times and attributes. */
function makeTree(root: string, seed: number): void {
  let state = seed;
  const pick = (limit: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % limit;
  };
  const folders = [root];
  const files: string[] = [];
  for (let count = 0; count < 120; count++) {
    const parent = folders[pick(folders.length)]!;
    const name = ['n', 'ü', ' ', '.dot', 'x'.repeat(90), '-', 'new\nline'][pick(7)]! + count;
    const path = join(parent, name);
    const kind = pick(10);
    if (kind < 3) folders.push((mkdirSync(path), path));
    else if (kind < 6)
      files.push((writeFileSync(path, Buffer.alloc(pick(3) === 0 ? pick(600_000) : pick(1200), name)), path));
    else if (kind === 6) symlinkSync(['/etc/passwd', '../x', 'y'.repeat(150), 'ü'][pick(4)]!, path);
    else if (kind === 7 && files.length > 0) linkSync(files[pick(files.length)]!, path);
    else if (kind === 8) mknod(path, S_IF.FIFO | 0o600);
    else mknod(path, (pick(2) ? S_IF.CHR : S_IF.BLK) | 0o600, makeDev(1 + pick(300), pick(70_000)));
    const stats = lstatSync(path);
    execOwner(path, [0, 1000, 3_000_000][pick(3)]!, [0, 5, 4_294_967_290][pick(3)]!);
    if (stats.isSymbolicLink()) continue;
    chmodSync(path, stats.isDirectory() ? [0o755, 0o1777, 0o2750][pick(3)]! : [0o644, 0o4755, 0o2711, 0o000][pick(4)]!);
    if (stats.isFile() && pick(3) === 0)
      setXattr(path, 'security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex'));
    if ((stats.isFile() || stats.isDirectory()) && pick(3) === 0)
      setXattr(path, `user.n${pick(9)}`, Buffer.from([0, 10, pick(256)]));
  }
  stampTree(root, pick);
}

function execOwner(path: string, uid: number, gid: number): void {
  if (lstatSync(path).isSymbolicLink()) execFileSync('chown', ['-h', `${uid}:${gid}`, path]);
  else chownSync(path, uid, gid);
}

function stampTree(path: string, pick: (limit: number) => number): void {
  for (const name of readdirSync(path).sort()) {
    const child = join(path, name);
    if (lstatSync(child).isDirectory()) stampTree(child, pick);
    const time = [1_600_000_000, 0, -86_400, 5_000_000_000][pick(4)]! + pick(1000);
    lutimesSync(child, time, time);
  }
}

describe('layers', { skip }, () => {
  for (const seed of [1, 2, 3])
    for (const kind of ['none', 'gzip', 'zstd'] as const)
      it(`keep a tree through writing, ${kind === 'none' ? 'no compression' : kind} and applying (seed ${seed})`, () =>
        inScratch(async (base) => {
          const [upper, dir, tar, packed] = ['upper', 'dir', 'tar', 'packed'].map((name) => join(base, name)) as [
            string,
            string,
            string,
            string,
          ];
          mkdirSync(upper);
          mkdirSync(dir);
          makeTree(upper, seed);
          const written = await writeLayerFromUpper(upper, { path: tar });
          assert.deepEqual(await writeLayerFromUpper(upper, { path: tar }), written, 'not deterministic');
          if (kind !== 'none') await compressLayer(tar, { path: packed }, { kind });
          const applied = await applyLayer(
            { path: kind === 'none' ? tar : packed },
            { dir, lowerDirs: [], expectedDiffId: written.diffId },
          );
          assert.equal(applied.sizeBytes, written.size);
          assert.deepEqual(picture(dir), picture(upper));
          assert.equal((await writeLayerFromUpper(dir, { path: tar })).diffId, written.diffId);
        }));

  it('are read by GNU tar as the same tree', () =>
    inScratch(async (base) => {
      const [upper, dir, tar] = ['upper', 'dir', 'tar'].map((name) => join(base, name)) as [string, string, string];
      mkdirSync(upper);
      mkdirSync(dir);
      makeTree(upper, 7);
      await writeLayerFromUpper(upper, { path: tar });
      execFileSync('tar', [
        '-C',
        dir,
        '--xattrs',
        '--xattrs-include=*',
        '--numeric-owner',
        '--warning=no-timestamp',
        '-xpf',
        tar,
      ]);
      assert.deepEqual(picture(dir), picture(upper));
    }));

  it('keep names that are not UTF-8 and sparse files', () =>
    inScratch(async (base) => {
      const [upper, dir, tar] = ['upper', 'dir', 'tar'].map((name) => join(base, name)) as [string, string, string];
      mkdirSync(upper);
      mkdirSync(dir);
      writeFileSync(Buffer.concat([Buffer.from(`${upper}/a`), Buffer.from([0xff, 0x80])]), 'x');
      mkdirSync(Buffer.concat([Buffer.from(`${upper}/d`), Buffer.from([0xe9])]));
      writeFileSync(Buffer.concat([Buffer.from(`${upper}/d`), Buffer.from([0xe9]), Buffer.from('/in')]), 'y');
      symlinkSync(Buffer.from([0x74, 0xfe]), join(upper, 'link'));
      const fd = openSync(join(upper, 'sparse'), 'w');
      writeSync(fd, 'end', 50_000_000);
      ftruncateSync(fd, 60_000_000);
      closeSync(fd);
      execFileSync('tar', ['-C', upper, '--format=pax', '-S', '-cf', tar, '.']);
      await applyLayer({ path: tar }, { dir, lowerDirs: [] });
      assert.deepEqual(picture(dir), picture(upper));
      assert.ok(statSync(join(dir, 'sparse')).blocks < 1000, 'the hole was filled');
    }));
});

type Entry = Partial<TarHeader> & { readonly name: string; readonly body?: string };

async function layer(path: string, entries: readonly Entry[]): Promise<void> {
  const chunks: Buffer[] = [];
  const writer = new TarWriter((chunk) => void chunks.push(Buffer.from(chunk)));
  for (const { body = '', ...entry } of entries)
    await writer.add(
      { type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: { sec: 9, nsec: 0 }, ...entry, size: body.length },
      Buffer.from(body),
    );
  await writer.end();
  writeFileSync(path, Buffer.concat(chunks));
}

interface Overlay {
  readonly lower: string;
  /** Where the layer goes. */
  readonly dir: string;
  /** Applies a layer and mounts it on top of the lower folder. */
  see(entries: readonly Entry[]): Promise<string>;
}

/** A lower layer with d/{one,two/deep}, f; what a layer makes of it is looked at through the kernel's overlay. */
function onOverlay(run: (overlay: Overlay) => Promise<void>): Promise<void> {
  return inScratch(async (base) => {
    const [lower, dir, merged] = ['lower', 'dir', 'merged'].map((name) => join(base, name)) as [string, string, string];
    for (const path of [lower, dir, merged, join(lower, 'd'), join(lower, 'd/two')]) mkdirSync(path);
    for (const path of ['d/one', 'd/two/deep', 'f']) writeFileSync(join(lower, path), 'low');
    chownSync(join(lower, 'd'), 7, 8);
    chmodSync(join(lower, 'd'), 0o1750);
    setXattr(join(lower, 'd'), 'user.kept', Buffer.from('yes'));
    utimesSync(join(lower, 'd'), 123, 123);
    let mounted = false;
    const see = async (entries: readonly Entry[]) => {
      await layer(join(base, 'layer'), entries);
      await applyLayer({ path: join(base, 'layer') }, { dir, lowerDirs: [lower] });
      mount('overlay', merged, 'overlay', 0, `lowerdir=${dir}:${lower}`);
      mounted = true;
      return merged;
    };
    try {
      await run({ lower, dir, see });
    } finally {
      if (mounted) umount(merged);
    }
  });
}

const tree = (path: string): string[] => readdirSync(path, { recursive: true }).map(String).sort();
const folder = (name: string): Entry => ({ name, type: 'directory', mode: 0o755 });

describe('applyLayer() as seen through overlayfs', { skip }, () => {
  const rows: { name: string; entries: Entry[]; sees: string[] }[] = [
    { name: 'a deleted file', entries: [{ name: 'd/.wh.one' }], sees: ['d', 'd/two', 'd/two/deep', 'f'] },
    { name: 'a deleted folder', entries: [{ name: '.wh.d' }], sees: ['f'] },
    {
      name: 'a folder deleted and made again',
      entries: [{ name: '.wh.d' }, folder('d'), { name: 'd/new' }],
      sees: ['d', 'd/new', 'f'],
    },
    {
      name: 'a folder deleted and made again without an entry',
      entries: [{ name: '.wh.d' }, { name: 'd/new' }],
      sees: ['d', 'd/new', 'f'],
    },
    {
      name: 'a folder made and then deleted below',
      entries: [folder('d'), { name: 'd/new' }, { name: '.wh.d' }],
      sees: ['d', 'd/new', 'f'],
    },
    {
      name: 'a whiteout of what the layer brought',
      entries: [{ name: 'f', body: 'new' }, { name: '.wh.f' }],
      sees: ['d', 'd/one', 'd/two', 'd/two/deep', 'f'],
    },
    {
      name: 'an opaque folder',
      entries: [folder('d'), { name: 'd/.wh..wh..opq' }, { name: 'd/new' }],
      sees: ['d', 'd/new', 'f'],
    },
    {
      name: 'an opaque folder marked last',
      entries: [{ name: 'd/new' }, { name: 'd/.wh.one' }, { name: 'd/.wh..wh..opq' }],
      sees: ['d', 'd/new', 'f'],
    },
    {
      name: 'an opaque root',
      entries: [{ name: '.wh..wh..opq' }, { name: 'new' }, { name: 'd/new' }],
      sees: ['d', 'd/new', 'new'],
    },
    { name: 'a file in place of a folder', entries: [{ name: 'd' }], sees: ['d', 'f'] },
    {
      name: 'a folder in place of a file',
      entries: [folder('f'), { name: 'f/in' }],
      sees: ['d', 'd/one', 'd/two', 'd/two/deep', 'f', 'f/in'],
    },
    { name: 'a file and then a folder', entries: [{ name: 'd' }, folder('d')], sees: ['d', 'f'] },
  ];
  for (const { name, entries, sees } of rows)
    it(`shows ${name}`, () => onOverlay(async ({ see }) => assert.deepEqual(tree(await see(entries)), sees)));

  it('gives missing parents the metadata they have below', () =>
    onOverlay(async ({ dir, see }) => {
      const merged = await see([{ name: 'd/new' }, { name: 'else/new' }]);
      const [stats, other] = [statSync(join(merged, 'd')), statSync(join(merged, 'else'))];
      assert.deepEqual([stats.mode & 0o7777, stats.uid, stats.gid, stats.mtimeMs], [0o1750, 7, 8, 123_000]);
      assert.equal(getXattr(join(dir, 'd'), 'user.kept')?.toString(), 'yes');
      assert.deepEqual([other.mode & 0o7777, other.uid], [0o755, 0]);
    }));

  it('copies the target of a hard link up', () =>
    onOverlay(async ({ lower, dir, see }) => {
      chmodSync(join(lower, 'f'), 0o4711);
      const merged = await see([
        { name: 'h', type: 'hardlink', linkName: 'f' },
        { name: 'd/h', type: 'hardlink', linkName: 'f' },
      ]);
      assert.equal(readFileSync(join(merged, 'd/h'), 'utf8'), 'low');
      assert.deepEqual([statSync(join(dir, 'f')).nlink, statSync(join(dir, 'f')).mode & 0o7777], [3, 0o4711]);
    }));

  it('gives the root the metadata of its entry, else of the layer below', () =>
    onOverlay(async ({ lower, dir, see }) => {
      chmodSync(lower, 0o711);
      await see([{ name: 'x' }]);
      assert.equal(statSync(dir).mode & 0o7777, 0o711);
    }));
});

describe('writeLayerFromUpper()', { skip }, () => {
  it('turns an overlay folder into a layer that makes the same folder', () =>
    inScratch(async (base) => {
      const [lower, upper, work, merged, again] = ['lower', 'upper', 'work', 'merged', 'again'].map((name) =>
        join(base, name),
      ) as [string, string, string, string, string];
      for (const path of [lower, upper, work, merged, again, join(lower, 'd'), join(lower, 'e')]) mkdirSync(path);
      for (const path of ['d/one', 'e/one', 'f', 'g']) writeFileSync(join(lower, path), 'low');
      mount(
        'overlay',
        merged,
        'overlay',
        0,
        `lowerdir=${lower},upperdir=${upper},workdir=${work},redirect_dir=off,metacopy=off`,
      );
      try {
        rmSync(join(merged, 'f'));
        rmSync(join(merged, 'd'), { recursive: true });
        mkdirSync(join(merged, 'd'));
        writeFileSync(join(merged, 'd/new'), 'new');
        chmodSync(join(merged, 'g'), 0o600);
      } finally {
        umount(merged);
      }
      const layerPath = join(base, 'layer');
      const { diffId } = await writeLayerFromUpper(upper, { path: layerPath });
      assert.deepEqual(execFileSync('tar', ['-tf', layerPath]).toString().trim().split('\n'), [
        'd/',
        'd/.wh..wh..opq',
        'd/new',
        '.wh.f',
        'g',
      ]);
      await applyLayer({ path: layerPath }, { dir: again, lowerDirs: [lower], expectedDiffId: diffId });
      assert.equal(getXattr(join(again, 'd'), 'trusted.overlay.opaque')?.toString(), 'y');
      assert.ok(lstatSync(join(again, 'f')).isCharacterDevice());
      assert.deepEqual(await changesOfUpper(again, [lower]), [
        { kind: 'C', path: '/d' },
        { kind: 'A', path: '/d/new' },
        { kind: 'D', path: '/d/one' },
        { kind: 'D', path: '/f' },
        { kind: 'C', path: '/g' },
      ]);
    }));

  it('limits times and refuses names that mean deletions', () =>
    inScratch(async (base) => {
      writeFileSync(join(base, 'file'), '');
      utimesSync(join(base, 'file'), 2000, 2000);
      const { times } = await writeLayerFromUpper(base, { path: `${base}.tar` }, { epoch: 1000, since: 3_000_000 });
      assert.deepEqual(times, { clock: false, latest: 2000 });
      assert.equal(lstatSync(join(base, 'file')).mtimeMs, 1_000_000, 'the folder differs from the layer');
      assert.match(
        execFileSync('tar', ['--full-time', '--utc', '-tvf', `${base}.tar`]).toString(),
        /1970-01-01 00:16:40 file/,
      );
      writeFileSync(join(base, '.wh.x'), '');
      await assert.rejects(writeLayerFromUpper(base, { path: `${base}.tar` }), {
        code: 'invalid_argument',
        message: /"\.wh\.x"/,
      });
      rmSync(`${base}.tar`);
    }));
});

describe('tarTree() and extractTar()', { skip }, () => {
  it('copy a folder under another name, as seen from the root', () =>
    inScratch(async (base) => {
      const [from, to] = [join(base, 'from'), join(base, 'to')];
      for (const path of [from, to, join(from, 'real'), join(to, 'target')]) mkdirSync(path);
      writeFileSync(join(from, 'real/file'), 'text');
      writeFileSync(join(from, 'real/left-out'), '');
      symlinkSync('/real', join(from, 'alias'));
      symlinkSync('/target', join(to, 'way'));
      const filter = (path: string) => path !== 'left-out';
      const stream = tarTree(from, '/alias', { followTop: true, topName: 'copy', filter });
      const result = await extractTar(stream, { dir: to, into: 'way', owner: { uid: 5, gid: 6 } });
      assert.equal(result.entries, 2);
      assert.deepEqual(readdirSync(join(to, 'target/copy')), ['file']);
      assert.equal(statSync(join(to, 'target/copy/file')).uid, 5);
      await assert.rejects(tarTree(from, '/none').toArray(), { code: 'not_found' });
      await assert.rejects(extractTar(Readable.from([Buffer.alloc(1024)]), { dir: to, into: 'none' }), {
        code: 'not_found',
      });
    }));

  it('refuse to change types when told so, and replace otherwise', () =>
    inScratch(async (base) => {
      const [from, to] = [join(base, 'from'), join(base, 'to')];
      for (const path of [from, to, join(to, 'x')]) mkdirSync(path);
      writeFileSync(join(from, 'x'), 'file');
      writeFileSync(join(to, 'x/old'), '');
      const refused = extractTar(tarTree(from), { dir: to, refuseTypeChange: true });
      await assert.rejects(refused, {
        code: 'invalid_argument',
        message: /cannot overwrite directory with non-directory/,
      });
      assert.ok(existsSync(join(to, 'x/old')));
      await extractTar(tarTree(from), { dir: to });
      assert.equal(readFileSync(join(to, 'x'), 'utf8'), 'file');
    }));

  it('keep whiteout names as they are', () =>
    inScratch(async (base) => {
      await layer(join(base, 'tar'), [{ name: '.wh.x' }]);
      mkdirSync(join(base, 'to'));
      await extractTar(Readable.from([readFileSync(join(base, 'tar'))]), { dir: join(base, 'to') });
      assert.ok(lstatSync(join(base, 'to/.wh.x')).isFile());
    }));
});
