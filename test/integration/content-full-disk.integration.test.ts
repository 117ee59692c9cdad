import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { LocalContentStore } from '../../src/content/index.ts';
import { isLadingError } from '../../src/errors/index.ts';
import { openMetadata } from '../../src/metadata/index.ts';
import { MNT_DETACH, MS, mount, umount } from '../../src/sys/index.ts';

const skip = process.getuid?.() === 0 ? false : 'mounting needs root';
const isFull = (error: unknown) => isLadingError(error, 'resource_exhausted') && error.hint !== undefined;

/** A file system of 3 MiB. */
function smallDisk(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lading-small-'));
  mount('tmpfs', folder, 'tmpfs', MS.NOSUID | MS.NODEV, 'size=3m');
  t.after(() => {
    umount(folder, MNT_DETACH);
    rmdirSync(folder);
  });
  return folder;
}

test(
  'LocalContentStore on a full disk fails with resource_exhausted, keeps nothing, and works on afterwards',
  { skip },
  async (t) => {
    const folder = smallDisk(t);
    const store = await LocalContentStore.open(folder);
    const kept = await store.put(Buffer.alloc(1 << 20, 1));
    const big = () => Readable.from(Array.from({ length: 80 }, () => Buffer.alloc(1 << 16)));
    await assert.rejects(store.ingest('big', big(), {}), isFull);
    await assert.rejects(store.put(Buffer.alloc(4 << 20)), isFull);
    const writer = await store.openWriter('big');
    await assert.rejects(writer.write(Buffer.alloc(4 << 20)), isFull);
    await writer[Symbol.asyncDispose]();
    assert.deepEqual([readdirSync(join(folder, 'ingest')), readdirSync(join(folder, 'staging'))], [[], []]);
    assert.deepEqual(await store.info(kept.digest), kept);
    await store.ingest('big', Readable.from([Buffer.alloc(1 << 20, 2)]), {});
  },
);

test('MetadataStore on a full disk fails with resource_exhausted and keeps its records', { skip }, (t) => {
  const folder = smallDisk(t);
  const store = openMetadata(join(folder, 'metadata.db'));
  try {
    const records = store.collection<string>('records');
    records.put('first', 'value');
    const fill = () => {
      for (let i = 0; i < 400; i++) records.put(`big ${i}`, 'x'.repeat(100_000));
    };
    assert.throws(() => store.transaction(fill), isFull);
    assert.deepEqual(
      records.list().map((record) => record.key),
      ['first'],
    );
    records.put('second', 'value');
    assert.equal(records.get('second'), 'value');
  } finally {
    store.close();
  }
});
