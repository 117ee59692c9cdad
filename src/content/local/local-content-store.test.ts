import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, test } from 'node:test';
import { isLadingError } from '../../errors/index.ts';
import { digestHex, digestOf, type Digest } from '../../oci/index.ts';
import { LocalContentStore } from '../index.ts';

let root: string;
let store: LocalContentStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lading-content-'));
  store = await LocalContentStore.open(root, { durable: false });
});
afterEach(() => rm(root, { recursive: true, force: true }));

const failsWith = (code: Parameters<typeof isLadingError>[1], text: RegExp) => (error: unknown) =>
  isLadingError(error, code as never) && text.test(error.message);
const chunksOf = (bytes: Buffer, size: number) => Readable.from(slices(bytes, size));
function* slices(bytes: Buffer, size: number) {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

test('LocalContentStore.ingest() stores the bytes read-only under their digest', async () => {
  const bytes = randomBytes(3_500_000);
  const digest = digestOf(bytes);
  const info = await store.ingest('layer', chunksOf(bytes, 65_537), { digest, size: bytes.length });
  assert.equal(info.digest, digest);
  assert.equal(info.size, bytes.length);
  assert.equal(await store.pathOf(digest), join(root, 'blobs/sha256', digestHex(digest)));
  assert.equal((await stat(await store.pathOf(digest))).mode & 0o7777, 0o444);
  assert.ok(bytes.equals(await buffer(await store.open(digest))));
  assert.deepEqual(await readdir(join(root, 'ingest')), []);
});

test('LocalContentStore.ingest() works with the fsyncs of a durable store and with large chunks', async () => {
  const durable = await LocalContentStore.open(join(root, 'a/b'));
  const bytes = randomBytes(2_500_000);
  await durable.ingest(
    'x',
    Readable.from([bytes.subarray(0, 10), bytes.subarray(10, 2_000_000), bytes.subarray(2_000_000)]),
    {
      digest: digestOf(bytes),
    },
  );
  assert.ok(bytes.equals(await durable.read(digestOf(bytes))));
});

test('LocalContentStore.ingest() stores sha512 blobs', async () => {
  const digest = `sha512:${createHash('sha512').update('hello').digest('hex')}` as Digest;
  await store.ingest('x', Readable.from([Buffer.from('hello')]), { digest });
  assert.equal((await store.read(digest)).toString(), 'hello');
  await using writer = await store.openWriter('y');
  await writer.write(Buffer.from('hello'));
  assert.equal((await writer.commit({ digest })).digest, digest);
});

test('LocalContentStore.ingest() refuses other bytes, naming both digests, and keeps nothing', async () => {
  const digest = digestOf('right');
  await assert.rejects(
    store.ingest('x', Readable.from([Buffer.from('wrong')]), { digest }),
    failsWith('data_loss', new RegExp(`"${digestOf('wrong')}".*"${digest}"`)),
  );
  await assert.rejects(
    store.ingest('x', Readable.from([Buffer.from('1234')]), { size: 5 }),
    failsWith('data_loss', /got 4 bytes, expected 5/),
  );
  assert.deepEqual(await readdir(join(root, 'ingest')), []);
  assert.equal(await store.info(digest), undefined);
});

test('LocalContentStore.ingest() stops an endless source one byte past the size', async () => {
  let produced = 0;
  const endless = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(1000, (produced += 1000));
    })(),
  );
  await assert.rejects(store.ingest('x', endless, { size: 10_000 }), failsWith('data_loss', /more than 10000/));
  assert.ok(endless.destroyed);
  assert.ok(produced < 100_000, `${produced} bytes were read`);
});

test('LocalContentStore.ingest() keeps what it got for a resume when source or signal fails', async () => {
  const broken = Readable.from(
    (async function* () {
      yield Buffer.from('first ');
      throw new Error('connection reset');
    })(),
  );
  await assert.rejects(store.ingest('x', broken, {}), failsWith('internal', /connection reset/));
  await using writer = await store.openWriter('x', { resume: true });
  assert.equal(writer.offset, 6);
  await writer.write(Buffer.from('second'));
  assert.equal((await writer.commit()).digest, digestOf('first second'));

  const hanging = new Readable({ read() {} });
  const controller = new AbortController();
  const aborting = store.ingest('y', hanging, {}, { signal: controller.signal });
  setTimeout(() => controller.abort(), 5);
  await assert.rejects(aborting, failsWith('cancelled', /store blob "y"/));
  assert.ok(hanging.destroyed);
});

test('LocalContentStore.ingest() survives a source that fails before it is read', async () => {
  const source = new Readable({ read() {} });
  const ingest = store.ingest('x', source, {});
  source.destroy(new Error('early'));
  await assert.rejects(ingest, failsWith('internal', /early/));
});

test('LocalContentStore.openWriter() lets one writer per ref in, and starts over without resume', async () => {
  const first = await store.openWriter('x');
  await first.write(Buffer.from('abc'));
  await assert.rejects(store.openWriter('x'), failsWith('conflict', /"x"/));
  await first[Symbol.asyncDispose]();
  await assert.rejects(first.write(Buffer.from('d')), failsWith('conflict', /closed/));
  await using second = await store.openWriter('x');
  assert.equal(second.offset, 0);
  await second.write(Buffer.from('new'));
  assert.equal((await second.commit()).digest, digestOf('new'));
});

test('ContentWriter.abort() forgets the bytes, commit() of nothing is the empty blob', async () => {
  const aborted = await store.openWriter('x');
  await aborted.write(Buffer.from('abc'));
  await aborted.abort();
  await using writer = await store.openWriter('x', { resume: true });
  assert.equal(writer.offset, 0);
  assert.equal((await writer.commit({ size: 0 })).digest, digestOf(''));
});

test('LocalContentStore takes two writers of one digest', async () => {
  const bytes = Buffer.from('same');
  const infos = await Promise.all(['a', 'b'].map((ref) => store.ingest(ref, Readable.from([bytes]), {})));
  assert.equal(infos[0]?.digest, infos[1]?.digest);
  assert.equal((await store.read(digestOf(bytes))).toString(), 'same');
});

test('LocalContentStore.put() and adopt() commit small bytes and staged files', async () => {
  assert.equal((await store.put(Buffer.from('{}'))).digest, digestOf('{}'));
  await assert.rejects(store.put(Buffer.from('{}'), { digest: digestOf('[]') }), failsWith('data_loss', /digest/));
  const path = await store.stagingPath();
  await writeFile(path, 'staged');
  await store.adopt(path, { digest: digestOf('staged'), size: 6 });
  assert.equal((await store.read(digestOf('staged'))).toString(), 'staged');
  const wrong = await store.stagingPath();
  await writeFile(wrong, 'x');
  await assert.rejects(store.adopt(wrong, { digest: digestOf('x'), size: 2 }), failsWith('data_loss', /got 1 bytes/));
  await assert.rejects(
    store.adopt('/etc/passwd', { digest: digestOf('x'), size: 2 }),
    failsWith('internal', /staging/),
  );
  assert.deepEqual(await readdir(join(root, 'staging')), []);
});

test('LocalContentStore reads parts, and says not_found', async () => {
  const { digest } = await store.put(Buffer.from('0123456789'));
  assert.equal((await buffer(await store.open(digest, { start: 2, end: 4 }))).toString(), '234');
  await assert.rejects(store.read(digest, { maxBytes: 9 }), failsWith('invalid_argument', /10 bytes/));
  const missing = digestOf('missing');
  assert.equal(await store.info(missing), undefined);
  for (const read of [() => store.open(missing), () => store.read(missing), () => store.pathOf(missing)])
    await assert.rejects(read, failsWith('not_found', /no such blob/));
  await assert.rejects(store.info('sha256:../../version' as Digest), failsWith('invalid_argument', /digest/));
});

test('LocalContentStore.walk() lists what delete() has not removed', async () => {
  const [a, b] = [await store.put(Buffer.from('a')), await store.put(Buffer.from('b'))];
  assert.equal(await store.delete(a.digest), true);
  assert.equal(await store.delete(a.digest), false);
  const found = [];
  for await (const blob of store.walk()) found.push(blob);
  assert.deepEqual(found, [b]);
});

test('LocalContentStore.sweepIngests() removes what a dead process left and nothing in use', async () => {
  const dead = await LocalContentStore.open(root, { durable: false });
  await using abandoned = await dead.openWriter('old');
  await abandoned.write(Buffer.from('x'));
  await writeFile(await dead.stagingPath(), 'x');
  await using live = await store.openWriter('live');
  const staged = await store.stagingPath();
  await writeFile(staged, 'y');
  await store.sweepIngests(60_000);
  assert.equal((await readdir(join(root, 'ingest'))).length, 2);
  await store.sweepIngests(0);
  assert.equal((await readdir(join(root, 'ingest'))).length, 1);
  assert.deepEqual(await readdir(join(root, 'staging')), [staged.slice(staged.lastIndexOf('/') + 1)]);
  await live.write(Buffer.from('still'));
  assert.equal((await live.commit()).digest, digestOf('still'));
});

test('LocalContentStore.open() refuses the layout of a newer version', async () => {
  assert.equal(await readFile(join(root, 'version'), 'utf8'), '1\n');
  await writeFile(join(root, 'version'), '2\n');
  await assert.rejects(LocalContentStore.open(root), failsWith('unavailable', /version 2/));
  await writeFile(join(root, 'version'), 'what');
  await assert.rejects(LocalContentStore.open(root), failsWith('data_loss', /"what"/));
});
