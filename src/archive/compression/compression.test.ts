import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { autoDecompress } from './auto-decompress.ts';
import { compressLayerHere } from './compress-here.ts';
import { decompressStream } from './decompress.ts';
import { detectCompression, type ArchiveCompression } from './detect.ts';

const SKIPPABLE = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]), Buffer.from('abcde')]);
const zstd = (text: string) => zstdCompressSync(text);

async function inflate(bytes: Buffer, kind: ArchiveCompression, chunkBytes = 1 << 20): Promise<string> {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes));
  return Buffer.concat(await decompressStream(Readable.from(chunks), kind).toArray()).toString();
}

describe('decompressStream()', () => {
  const rows: { name: string; kind: ArchiveCompression; bytes: Buffer; text: string }[] = [
    {
      name: 'two gzip members',
      kind: 'gzip',
      bytes: Buffer.concat([gzipSync('one '), gzipSync('two')]),
      text: 'one two',
    },
    {
      name: 'gzip with zero padding',
      kind: 'gzip',
      bytes: Buffer.concat([gzipSync('one'), Buffer.alloc(99)]),
      text: 'one',
    },
    {
      name: 'several zstd frames',
      kind: 'zstd',
      bytes: Buffer.concat([zstd('one '), zstd('two '), zstd('three')]),
      text: 'one two three',
    },
    {
      name: 'zstd with skippable frames',
      kind: 'zstd',
      bytes: Buffer.concat([SKIPPABLE, zstd('one '), SKIPPABLE, zstd('two'), SKIPPABLE]),
      text: 'one two',
    },
  ];
  for (const { name, kind, bytes, text } of rows)
    for (const chunkBytes of [1 << 20, 1])
      it(`reads ${name} in chunks of ${chunkBytes}`, async () =>
        assert.equal(await inflate(bytes, kind, chunkBytes), text));

  const broken: { name: string; kind: ArchiveCompression; bytes: Buffer }[] = [
    { name: 'cut gzip', kind: 'gzip', bytes: gzipSync('one').subarray(0, -3) },
    { name: 'garbage behind gzip', kind: 'gzip', bytes: Buffer.concat([gzipSync('one'), Buffer.from('garbage')]) },
    { name: 'cut zstd', kind: 'zstd', bytes: Buffer.concat([zstd('one'), zstd('two').subarray(0, -2)]) },
    { name: 'garbage behind zstd', kind: 'zstd', bytes: Buffer.concat([zstd('one'), Buffer.from('garbage')]) },
    { name: 'no zstd at all', kind: 'zstd', bytes: Buffer.from('garbage!') },
  ];
  for (const { name, kind, bytes } of broken)
    it(`refuses ${name}`, async () =>
      assert.rejects(inflate(bytes, kind), { code: 'invalid_argument', message: new RegExp(`^decompress ${kind}: `) }));

  it('passes errors of the source on', async () => {
    const source = new Readable({ read: () => source.destroy(new Error('no network')) });
    await assert.rejects(decompressStream(source, 'gzip').toArray(), /no network/);
  });
});

describe('detectCompression()', () => {
  it('knows the first bytes', () => {
    const kinds = [
      gzipSync(''),
      zstd(''),
      SKIPPABLE,
      Buffer.from('BZh9'),
      Buffer.from('\xfd7zXZ\0', 'latin1'),
      Buffer.from('ab'),
      Buffer.alloc(0),
    ];
    assert.deepEqual(
      kinds.map((bytes) => detectCompression(bytes)),
      ['gzip', 'zstd', 'zstd', 'bzip2', 'xz', 'none', 'none'],
    );
  });

  it('is fed by autoDecompress() however the first bytes arrive', async () => {
    const { stream, kind } = await autoDecompress(Readable.from([...gzipSync('text')].map((byte) => Buffer.of(byte))));
    assert.deepEqual([kind, Buffer.concat(await stream.toArray()).toString()], ['gzip', 'text']);
  });
});

describe('compressLayerHere()', () => {
  let dir = '';
  before(() => (dir = mkdtempSync('/var/tmp/lading-compress-')));
  after(() => rmSync(dir, { recursive: true, force: true }));

  const sizes = [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (3 << 20) + 12_345];
  for (const kind of ['gzip', 'zstd'] as const)
    it(`makes ${kind} that its own tools read, the same each time`, async () => {
      for (const size of sizes) {
        const bytes = Buffer.concat([randomBytes(size >> 1), Buffer.alloc(size - (size >> 1), 'lading ')]);
        const [source, target] = [join(dir, 'in'), join(dir, 'out')];
        writeFileSync(source, bytes);
        const job = { sourcePath: source, targetPath: target, kind };
        const first = await compressLayerHere(job, () => {});
        assert.deepEqual(await compressLayerHere(job, () => {}), first);
        const packed = readFileSync(target);
        assert.equal(packed.length, first.size);
        assert.ok(
          (kind === 'gzip' ? gunzipSync(packed) : zstdDecompressSync(packed)).equals(bytes),
          `${size} bytes differ`,
        );
      }
    });
});
