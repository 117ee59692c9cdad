import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isLadingError } from '../errors/index.ts';
import { openMetadata } from '../metadata/index.ts';
import { VolumeStore } from './index.ts';

function setUp(t: TestContext): { store: VolumeStore; trash: string } {
  const dir = mkdtempSync(join(tmpdir(), 'volume-store-'));
  const metadata = openMetadata(join(dir, 'metadata.db'));
  t.after(() => {
    metadata.close();
    rmSync(dir, { recursive: true });
  });
  const trash = join(dir, 'trash');
  return { store: new VolumeStore(join(dir, 'volumes'), trash, metadata), trash };
}

test('a volume made while its namesake is being removed has a folder of its own', async (t) => {
  const { store, trash } = setUp(t);
  await store.create({ name: 'data' });
  writeFileSync(join(store.pathOf('data'), 'old'), 'x');
  const removing = store.remove('data');
  // Until the removal has done its step, create() returns the volume that is there; afterwards it makes one.
  while (store.get('data')) await new Promise((resolve) => setImmediate(resolve));
  await store.create({ name: 'data' });
  writeFileSync(join(store.pathOf('data'), 'new'), 'x');
  assert.equal(await removing, true);
  assert.deepEqual(readdirSync(store.pathOf('data')), ['new']);
  assert.deepEqual(readdirSync(trash), []);
});

test('whatever the order of create() and remove(), record and folder are there together', async (t) => {
  const { store } = setUp(t);
  for (let round = 0; round < 20; round++) {
    await store.create({ name: 'data' });
    await Promise.all([store.remove('data'), store.create({ name: 'data' }), store.remove('data')]);
    assert.equal(existsSync(store.pathOf('data')), store.get('data') !== undefined);
  }
});

test('remove() is idempotent, and a volume whose folder has gone can be removed', async (t) => {
  const { store } = setUp(t);
  await store.create({ name: 'data' });
  rmSync(store.pathOf('data'), { recursive: true });
  rmSync(join(store.pathOf('data'), '..'), { recursive: true });
  assert.equal(await store.remove('data'), true);
  assert.equal(await store.remove('data'), false);
});

test('create() refuses names that are paths', async (t) => {
  const { store } = setUp(t);
  for (const name of ['..', '../x', 'a/b', '.x', 'x'])
    await assert.rejects(store.create({ name }), (error) => isLadingError(error, 'invalid_argument'), name);
});
