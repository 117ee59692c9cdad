import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isLadingError } from '../../errors/index.ts';
import { openMetadata, type MetadataStore } from '../index.ts';
import { sqlite } from './node-sqlite.ts';

let folder: string;
let path: string;
let store: MetadataStore;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lading-metadata-'));
  path = join(folder, 'metadata.db');
  store = openMetadata(path);
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

test('Collection keeps JSON values apart from other collections, also after closing', () => {
  const images = store.collection<{ tag: string; n?: number }>('images');
  images.put('a', { tag: 'v1' });
  images.put('a', { tag: 'v2', n: 1 });
  store.collection<string>('names').put('a', 'text');
  store.close();
  store.close();
  assert.throws(
    () => images.get('a'),
    (error) => isLadingError(error, 'internal'),
  );
  store = openMetadata(path);
  assert.deepEqual(store.collection('images').get('a'), { tag: 'v2', n: 1 });
  assert.equal(store.collection('names').get('a'), 'text');
  assert.equal(store.collection('images').delete('a'), true);
  assert.equal(store.collection('images').delete('a'), false);
  assert.equal(store.collection('images').get('a'), undefined);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('Collection.list() gives the keys with a prefix in byte order', () => {
  const keys = [
    '',
    'a',
    'a/1',
    'a/10',
    'a/2',
    'a\u{10ffff}',
    'a\u{10ffff}b',
    'b',
    'ab%',
    'a_',
    'é',
    '\u{d7ff}x',
    '\u{e000}',
    '\u{1f600}',
  ];
  const collection = store.collection<number>('c');
  keys.forEach((key, i) => collection.put(key, i));
  const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const prefix of ['', 'a', 'a/', 'a/1', 'a\u{10ffff}', '\u{d7ff}', 'é', 'zz', 'a%'])
    assert.deepEqual(
      collection.list(prefix).map((record) => record.key),
      sorted.filter((key) => key.startsWith(prefix)),
      `prefix ${JSON.stringify(prefix)}`,
    );
});

for (const durable of [true, false])
  test(`MetadataStore.transaction({durable: ${durable}}) keeps all writes or none`, () => {
    const collection = store.collection<number>('c');
    assert.equal(
      store.transaction(() => (collection.put('a', 1), collection.put('b', 2), 'result'), { durable }),
      'result',
    );
    const failing = () =>
      store.transaction(
        () => {
          collection.put('a', 99);
          collection.delete('b');
          throw new Error('no');
        },
        { durable },
      );
    assert.throws(failing, /^Error: no$/);
    assert.deepEqual(collection.list(), [
      { key: 'a', value: 1 },
      { key: 'b', value: 2 },
    ]);
  });

test('MetadataStore.transaction() inside another joins it, and fails alone when its failure is caught', () => {
  const collection = store.collection<number>('c');
  store.transaction(
    () => {
      collection.put('outer', 1);
      store.transaction(() => collection.put('inner', 2));
      assert.throws(() =>
        store.transaction(() => {
          collection.put('undone', 3);
          throw new Error('no');
        }),
      );
    },
    { durable: false },
  );
  assert.deepEqual(
    collection.list().map((record) => record.key),
    ['inner', 'outer'],
  );
  assert.throws(() =>
    store.transaction(() => {
      store.transaction(() => collection.put('lost', 4));
      throw new Error('outer');
    }),
  );
  assert.equal(collection.get('lost'), undefined);
});

test('MetadataStore.transaction() refuses an asynchronous function', () => {
  const collection = store.collection<number>('c');
  assert.throws(
    () => store.transaction(async () => collection.put('a', 1)),
    (error) => isLadingError(error, 'internal'),
  );
  assert.equal(collection.get('a'), undefined);
});

test('openMetadata() explains a damaged file and one from a newer lading', () => {
  const garbage = join(folder, 'garbage.db');
  writeFileSync(garbage, 'x'.repeat(8192));
  assert.throws(
    () => openMetadata(garbage),
    (error) => isLadingError(error, 'data_loss') && error.message.includes(garbage) && error.hint !== undefined,
  );
  store.close();
  const raw = new sqlite.DatabaseSync(path);
  raw.exec('PRAGMA user_version = 1000');
  raw.close();
  assert.throws(
    () => openMetadata(path),
    (error) => isLadingError(error, 'unavailable') && /version 1000/.test(error.message),
  );
});

test('MetadataStore survives the end of a process that does not close it', () => {
  const script = `
    const { openMetadata } = await import(${JSON.stringify(new URL('../index.ts', import.meta.url).href)});
    const store = openMetadata(process.argv[1]);
    store.transaction(() => store.collection('c').put('a', 1), { durable: false });
    process.kill(process.pid, 'SIGKILL');`;
  assert.throws(() => execFileSync(process.execPath, ['--input-type=module', '-e', script, path], { stdio: 'pipe' }));
  assert.equal(store.collection('c').get('a'), 1);
});

test('openMetadata() prints no warning', () => {
  const url = JSON.stringify(new URL('../index.ts', import.meta.url).href);
  const program = `const { openMetadata } = await import(${url}); openMetadata(process.argv[1]).close(); process.emitWarning('kept')`;
  const result = execFileSync(
    process.execPath,
    ['--input-type=module', '-e', `process.on('warning', (w) => console.log(w.message)); ${program}`, path],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  assert.doesNotMatch(result, /SQLite/);
  assert.match(result, /kept/);
});
