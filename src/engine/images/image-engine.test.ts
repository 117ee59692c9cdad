import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Log } from '../../base/index.ts';
import { LocalContentStore } from '../../content/index.ts';
import { isLadingError } from '../../errors/index.ts';
import { ImageStore, LayerBlobs, Referrers, putConfig, putManifest } from '../../image/index.ts';
import { openMetadata } from '../../metadata/index.ts';
import { parseReference, type Digest } from '../../oci/index.ts';
import { Collector, type CollectorDependencies } from '../collector.ts';
import { EventBus } from '../events.ts';
import { Leases } from '../leases.ts';
import { LocalImages, type ImageEngineDependencies } from './image-engine.ts';

/** The image engine over real stores in a folder; without registries, layers and containers. */
async function setUp(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'image-engine-'));
  const metadata = openMetadata(join(dir, 'metadata.db'));
  t.after(() => {
    metadata.close();
    rmSync(dir, { recursive: true });
  });
  const content = await LocalContentStore.open(join(dir, 'content'));
  const images = new ImageStore(content, metadata);
  const leases = new Leases();
  const warnings: string[] = [];
  const collector = new Collector({
    content,
    images,
    leases,
    layerBlobs: new LayerBlobs(content, metadata),
    referrers: new Referrers(metadata),
    snapshotter: { async *walk() {} },
    unpacker: { sweep: async () => undefined },
    table: { all: () => [] },
    builder: { cacheRoots: () => ({ digests: [], snapshots: [] }) },
    log: new Log('warn', {}, (line) => void warnings.push(line)),
  } as unknown as CollectorDependencies);
  const engine = new LocalImages({
    content,
    images,
    leases,
    events: new EventBus(),
    containersOf: () => [],
    collect: () => collector.collect(),
  } as unknown as ImageEngineDependencies);
  const add = async (author: string, ...names: string[]): Promise<Digest> => {
    const config = { architecture: 'amd64', os: 'linux', author, config: {}, history: [] };
    const descriptor = await putConfig(content, { ...config, rootfs: { type: 'layers', diff_ids: [] } });
    const manifest = await putManifest(content, descriptor, []);
    images.put(
      { id: descriptor.digest, manifest, storedAt: new Date().toISOString(), sizeBytes: 0, layerSizes: [] },
      names.map((name) => ({ reference: parseReference(name), target: manifest })),
    );
    return descriptor.digest;
  };
  return { engine, content, images, collector, warnings, add };
}

const BY_FORCE = { force: true, noPrune: false };
const PLAIN = { force: false, noPrune: false };

test('rmi of an id with two tags must be forced, also when both are of one repository', async (t) => {
  const { engine, collector, images, add } = await setUp(t);
  for (const names of [
    ['app:1', 'app:2'],
    ['app:1', 'web:1'],
  ]) {
    const id = await add(names.join(' '), ...names);
    await assert.rejects(
      engine.remove(id, PLAIN),
      (error) => isLadingError(error, 'conflict') && /must be forced.*multiple repositories/.test(error.message),
    );
    await engine.remove(id, BY_FORCE);
    assert.deepEqual(images.records(), []);
  }
  await collector.idle();
});

test('rmi of an id with one tag and a digest of that repository needs no force', async (t) => {
  const { engine, collector, images, add } = await setUp(t);
  const id = await add('one', 'app:1', `app@sha256:${'0'.repeat(64)}`);
  await engine.remove(id, PLAIN);
  assert.deepEqual(images.references(), []);
  await collector.idle();
});

test('a damaged image hides no other, stops deletion with a warning, and can be removed', async (t) => {
  const { engine, content, collector, warnings, add } = await setUp(t);
  const whole = await add('whole', 'whole:1');
  const damaged = await add('damaged', 'damaged:1');
  const stray = await content.put(Buffer.from('stray'));
  await content.delete(damaged);
  assert.deepEqual(
    (await engine.list()).map(({ id }) => id),
    [whole],
  );
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(await collector.collect(), 0);
  assert.ok(warnings[0]?.includes(damaged), warnings[0]);
  assert.ok(await content.info(stray.digest));
  await engine.remove(damaged, PLAIN);
  await collector.idle();
  assert.equal(await content.info(stray.digest), undefined);
  assert.ok(await content.info(whole));
});

test('save holds what it streams until the stream closes', async (t) => {
  const { engine, content, images, collector, add } = await setUp(t);
  const id = await add('saved', 'saved:1');
  const stream = await engine.save(['saved:1']);
  images.remove(id);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await collector.collect();
  assert.ok(await content.info(id));
  stream.resume();
  await new Promise((resolve) => stream.once('close', resolve));
  await collector.collect();
  assert.equal(await content.info(id), undefined);
});
