import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { TarWriter, type TarHeader } from '../../archive/index.ts';
import { compareLayers, type FileDifference } from './compare-layers.ts';

type File = Partial<TarHeader> & { readonly name: string; readonly text?: string };

async function tar(...files: readonly File[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const writer = new TarWriter(async (chunk) => void chunks.push(Buffer.from(chunk)));
  for (const { text = '', ...header } of files) {
    const size = (header.type ?? 'file') === 'file' ? text.length : 0;
    const whole = { type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: { sec: 5, nsec: 0 }, ...header, size } as const;
    await (size > 0 ? writer.add(whole, Buffer.from(text)) : writer.add(whole));
  }
  await writer.end();
  return Buffer.concat(chunks);
}

async function compare(before: Buffer, after: Buffer): Promise<FileDifference | undefined> {
  return compareLayers(Readable.from([before]), Readable.from([after]));
}

test('compareLayers() names the first file that differs, and how', async () => {
  const dir = { name: 'dir', type: 'directory', mode: 0o755 } as const;
  const plain = [dir, { name: 'dir/a', text: 'a' }, { name: 'dir-b', text: 'b' }, { name: 'z', text: 'z' }];
  const changed = (name: string, change: Partial<File>): File[] =>
    plain.map((file) => (file.name === name ? { ...file, ...change } : file));
  const cases: [string, File[], Partial<FileDifference> | undefined][] = [
    ['nothing', plain, undefined],
    ['content', changed('dir/a', { text: 'A' }), { path: '/dir/a', aspect: 'content' }],
    ['mode', changed('dir', { mode: 0o700 }), { path: '/dir', aspect: 'mode', before: '0755', after: '0700' }],
    ['owner', changed('z', { uid: 7 }), { path: '/z', aspect: 'owner', before: '0:0', after: '7:0' }],
    ['kind', changed('z', { type: 'fifo', text: '' }), { path: '/z', aspect: 'kind', before: 'file', after: 'fifo' }],
    [
      'attributes',
      changed('z', { xattrs: new Map([['user.x', Buffer.from('y')]]) }),
      { path: '/z', aspect: 'attributes' },
    ],
    ['missing', plain.filter(({ name }) => name !== 'dir-b'), { path: '/dir-b', aspect: 'only in the image' }],
    ['added', [...plain, { name: 'zz' }], { path: '/zz', aspect: 'only in the rebuild', after: 'file' }],
    [
      'added in a folder',
      [dir, { name: 'dir/a', text: 'a' }, { name: 'dir/b' }, ...plain.slice(2)],
      { path: '/dir/b' },
    ],
    ['time', changed('dir', { mtime: { sec: 6, nsec: 0 } }), { path: '/dir', aspect: 'time' }],
    [
      'time before content',
      changed('dir', { mtime: { sec: 6, nsec: 0 } }).map((file) => (file.name === 'z' ? { ...file, text: 'Z' } : file)),
      { path: '/z', aspect: 'content' },
    ],
    ['deletion', [...plain.slice(0, 3), { name: '.wh.z', mode: 0 }], { path: '/z', aspect: 'kind', after: 'deletion' }],
  ];
  const image = await tar(...plain);
  for (const [name, files, expected] of cases) {
    const found = await compare(image, await tar(...files));
    assert.deepEqual(found && { ...found, ...expected }, found, name);
    assert.equal(found === undefined, expected === undefined, name);
  }
});

test('compareLayers() reads compressed layers, and layers that hold nothing', async () => {
  const some = await tar({ name: 'a', text: 'a' });
  assert.equal(await compare(gzipSync(some), some), undefined);
  assert.deepEqual(await compare(await tar(), some), { path: '/a', aspect: 'only in the rebuild', after: 'file' });
});
