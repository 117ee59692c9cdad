import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readTar } from './read-tar.ts';
import { TarWriter } from './tar-writer.ts';
import type { TarHeader } from './header.ts';

interface Member {
  readonly header: TarHeader;
  readonly body: Buffer;
}

async function membersOf(tar: Buffer, chunkBytes: number): Promise<Member[]> {
  const members: Member[] = [];
  for await (const { header, body } of readTar(chunksOf(tar, chunkBytes)))
    members.push({ header, body: await whole(body) });
  return members;
}

async function whole(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function write(members: readonly (Omit<Member, 'body'> & { body?: Buffer })[], options = {}): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const writer = new TarWriter((chunk) => void chunks.push(Buffer.from(chunk)), options);
  for (const { header, body } of members) await writer.add(header, body);
  await writer.end();
  return Buffer.concat(chunks);
}

const LONG = `${'d'.repeat(120)}/${'e'.repeat(120)}/${'f'.repeat(120)}`;
let dir = '';

before(() => {
  dir = mkdtempSync('/var/tmp/lading-tar-');
  const tree = join(dir, 'tree');
  mkdirSync(join(tree, LONG, '..'), { recursive: true });
  writeFileSync(join(tree, LONG), 'long');
  writeFileSync(join(tree, 'plain'), 'hello');
  writeFileSync(join(tree, 'naïve'), '');
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/bad-`), Buffer.from([0xff, 0xc3])]), 'bytes');
  linkSync(join(tree, 'plain'), join(tree, 'second'));
  symlinkSync(`/${LONG}/target`, join(tree, 'link'));
  utimesSync(join(tree, 'plain'), 1000.25, 1000.25);
  const sparse = openSync(join(tree, 'sparse'), 'w');
  for (let at = 0; at < 30; at++) writeSync(sparse, `data${at}`, 100_000 * at + 4096);
  closeSync(sparse);
  truncateSync(join(tree, 'sparse'), 4_000_000);
});

after(() => rmSync(dir, { recursive: true, force: true }));

/** GNU tar's archive of the tree. */
function gnuTar(...flags: string[]): Buffer {
  const path = join(dir, 'fixture.tar');
  execFileSync('tar', ['-C', join(dir, 'tree'), '--sort=name', '--numeric-owner', ...flags, '-cf', path, '.']);
  return readFileSync(path);
}

describe('readTar() on archives of GNU tar', () => {
  const formats: { name: string; flags: string[]; sparse: boolean }[] = [
    { name: 'gnu', flags: ['--format=gnu'], sparse: false },
    { name: 'gnu, sparse', flags: ['--format=gnu', '-S'], sparse: true },
    { name: 'pax', flags: ['--format=pax'], sparse: false },
    ...['0.0', '0.1', '1.0'].map((version) => ({
      name: `pax, sparse ${version}`,
      flags: ['--format=pax', '-S', `--sparse-version=${version}`],
      sparse: true,
    })),
  ];
  for (const { name, flags, sparse } of formats)
    for (const chunkBytes of sparse ? [1 << 20, 700, 37] : [1 << 20, 700])
      it(
        `yields names, links and contents of ${name} in chunks of ${chunkBytes}`,
        { skip: chunkBytes === 1 && !sparse && 'slow' },
        async () => {
          const members = await membersOf(gnuTar(...flags), chunkBytes);
          const find = (wanted: string) => members.find(({ header }) => header.name === `./${wanted}`)!;
          assert.equal(find(LONG).body.toString(), 'long');
          assert.equal(find('naïve').header.type, 'file');
          assert.equal(find('bad-\udcff\udcc3').body.toString(), 'bytes');
          assert.deepEqual([find('second').header.type, find('second').header.linkName], ['hardlink', './plain']);
          assert.deepEqual([find('link').header.type, find('link').header.linkName], ['symlink', `/${LONG}/target`]);
          assert.deepEqual(find('plain').header.mtime, { sec: 1000, nsec: name.startsWith('pax') ? 250_000_000 : 0 });
          assert.equal(find('sparse').header.size, 4_000_000);
          assert.equal(find('sparse').header.sparse !== undefined, sparse);
          assert.ok(find('sparse').body.equals(readFileSync(join(dir, 'tree', 'sparse'))), 'the sparse file differs');
        },
      );

  it('reads V7 archives and folders marked by a slash only', async () => {
    const path = join(dir, 'v7.tar');
    execFileSync('tar', ['-C', join(dir, 'tree'), '--format=v7', '-cf', path, 'plain', 'naïve']);
    const names = (await membersOf(readFileSync(path), 4096)).map(({ header }) => [
      header.name,
      header.type,
      header.size,
    ]);
    assert.deepEqual(names, [
      ['plain', 'file', 5],
      ['naïve', 'file', 0],
    ]);
  });

  it('reads base-256 numbers', async () => {
    const [member] = await membersOf(
      gnuTar('--format=gnu', '--owner=:4000000000', '--group=:4294967294', '--mtime=@-5'),
      4096,
    );
    assert.deepEqual(
      [member!.header.uid, member!.header.gid, member!.header.mtime],
      [4_000_000_000, 4_294_967_294, { sec: -5, nsec: 0 }],
    );
  });

  it('skips bodies that are not read', async () => {
    const names: string[] = [];
    for await (const { header } of readTar(chunksOf(gnuTar('--format=pax'), 10_000))) names.push(header.name);
    assert.equal(names.at(-1), './sparse');
  });
});

describe('TarWriter', () => {
  const plain = { type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, mtime: { sec: 0, nsec: 0 } } as const;
  const rows: { name: string; header: TarHeader; pax: string[] }[] = [
    { name: 'an ordinary file', header: { ...plain, name: 'a' }, pax: [] },
    { name: 'a name of 100 bytes', header: { ...plain, name: 'x'.repeat(100) }, pax: [] },
    {
      name: 'a name that splits at a slash',
      header: { ...plain, name: `${'p'.repeat(155)}/${'x'.repeat(100)}` },
      pax: [],
    },
    {
      name: 'a name that does not split',
      header: { ...plain, name: `${'p'.repeat(156)}/${'x'.repeat(100)}` },
      pax: ['path'],
    },
    {
      name: 'a folder whose name fits only without its slash',
      header: { ...plain, type: 'directory', name: 'x'.repeat(100) },
      pax: ['path'],
    },
    { name: 'a name that is not ASCII', header: { ...plain, name: 'naïve' }, pax: ['path'] },
    { name: 'a name that is not UTF-8', header: { ...plain, name: 'a\udcff' }, pax: ['path'] },
    {
      name: 'a long link',
      header: { ...plain, type: 'symlink', name: 'l', linkName: 'y'.repeat(101) },
      pax: ['linkpath'],
    },
    { name: 'the largest ids of ustar', header: { ...plain, name: 'a', uid: 2 ** 21 - 1, gid: 2 ** 21 - 1 }, pax: [] },
    { name: 'larger ids', header: { ...plain, name: 'a', uid: 2 ** 21, gid: 2 ** 32 - 2 }, pax: ['gid', 'uid'] },
    {
      name: 'a time before 1970',
      header: { ...plain, name: 'a', mtime: { sec: -2, nsec: 500_000_000 } },
      pax: ['mtime'],
    },
    { name: 'a fraction of a second', header: { ...plain, name: 'a', mtime: { sec: 7, nsec: 1 } }, pax: ['mtime'] },
    {
      name: 'attributes',
      header: {
        ...plain,
        name: 'a',
        xattrs: new Map([['user.b', Buffer.from([0, 10, 255])]]),
      },
      pax: ['SCHILY.xattr.user.b'],
    },
    { name: 'a device', header: { ...plain, type: 'char', name: 'null', devMajor: 1, devMinor: 3 }, pax: [] },
  ];
  for (const { name, header, pax } of rows)
    it(`writes ${name} so that it can be read back`, async () => {
      const tar = await write([{ header }], { subSecondTimes: true });
      const [member] = await membersOf(tar, 4096);
      const expected = header.type === 'directory' ? { ...header, name: `${header.name}/` } : header;
      assert.deepEqual(member!.header, expected);
      const keys = [...tar.toString('latin1').matchAll(/\d+ ([A-Za-z.]+)=/g)].map((match) => match[1]);
      assert.deepEqual(tar[156] === 0x78 ? keys : [], pax);
    });

  it('drops fractions unless asked for them', async () => {
    const tar = await write([{ header: { ...plain, name: 'a', mtime: { sec: 7, nsec: 5 } } }]);
    assert.equal(tar.length, 512 * 3);
  });

  it('refuses a body of another size', async () => {
    const wrong = { header: { ...plain, name: 'a', size: 2 }, body: Buffer.from('abc') };
    await assert.rejects(write([wrong]), {
      code: 'invalid_argument',
      message: /"a": its body has more bytes, the header says 2/,
    });
  });

  it('is understood by GNU tar', async () => {
    const path = join(dir, 'written.tar');
    writeFileSync(
      path,
      await write(
        rows.map(({ header }) => ({ header })),
        { subSecondTimes: true },
      ),
    );
    const listed = execFileSync('tar', ['--quoting-style=literal', '-tf', path])
      .toString('latin1')
      .trimEnd()
      .split('\n');
    assert.deepEqual(listed.length, rows.length);
    assert.equal(listed[6], 'a\xff');
  });
});
