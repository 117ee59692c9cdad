import assert from 'node:assert/strict';
import {
  closeSync,
  openSync,
  symlinkSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isLadingError } from '../../src/errors/index.ts';
import { openMetadata } from '../../src/metadata/index.ts';
import { OverlaySnapshotter, mountSnapshot, overlayMounter, unmountSnapshot } from '../../src/snapshot/index.ts';
import type { RootfsMounter } from '../../src/runtime/index.ts';
import { testSnapshotter, type SuiteDriver } from '../../src/snapshot/snapshotter-suite.ts';

/** A store in a folder of its own, opened any number of times as if the process had begun anew. */
class OverlayDriver implements SuiteDriver {
  readonly root = mkdtempSync(join(tmpdir(), 'lading-snapshots-'));
  readonly folder = join(this.root, 'snapshots');
  readonly #metadata = openMetadata(join(this.root, 'metadata.db'));
  #snapshotter: OverlaySnapshotter | undefined;

  async open(): Promise<OverlaySnapshotter> {
    this.#snapshotter = await OverlaySnapshotter.open(this.folder, this.#metadata, { durable: false });
    return this.#snapshotter;
  }

  async dispose(): Promise<void> {
    await this.#snapshotter?.close();
    this.#metadata.close();
    rmSync(this.root, { recursive: true, force: true });
  }

  forget(name: string): void {
    this.#metadata.collection('snapshots').delete(name);
  }
}

const skip = process.getuid?.() === 0 ? false : 'mounting needs root';

if (skip === false) testSnapshotter('OverlaySnapshotter', () => new OverlayDriver());

async function withDriver(t: TestContext): Promise<{ driver: OverlayDriver; snapshots: OverlaySnapshotter }> {
  const driver = new OverlayDriver();
  t.after(() => driver.dispose());
  return { driver, snapshots: await driver.open() };
}

/** Deeper than a path may be long. */
function makeDeepTree(folder: string, depth: number): void {
  let fd = openSync(folder, 'r');
  for (let i = 0; i < depth; i++) {
    const path = `/proc/self/fd/${fd}/a-rather-long-folder-name`;
    mkdirSync(path);
    const next = openSync(path, 'r');
    closeSync(fd);
    fd = next;
  }
  closeSync(fd);
}

async function names(snapshots: OverlaySnapshotter): Promise<string[]> {
  const found = [];
  for await (const info of snapshots.walk()) found.push(info.name);
  return found;
}

test(
  'OverlaySnapshotter.reconcile() removes folders without record and records without folder',
  { skip },
  async (t) => {
    const { driver, snapshots } = await withDriver(t);
    for (const [name, parent] of [
      ['base', undefined],
      ['lost', 'base'],
      ['above', 'lost'],
      ['kept', 'base'],
    ] as const) {
      await snapshots.prepare(`key ${name}`, parent);
      await snapshots.commit(name, `key ${name}`);
    }
    await snapshots.prepare('container', 'above');
    await snapshots.prepare('unrecorded');
    const [lost, above, container, unrecorded] = await Promise.all(
      ['lost', 'above', 'container', 'unrecorded'].map((name) => snapshots.upperDirOf(name)),
    );
    writeFileSync(join(container as string, 'data'), 'precious');
    writeFileSync(join(unrecorded as string, 'x'), '');
    rmSync(join(lost as string, '..'), { recursive: true });
    driver.forget('unrecorded');
    mkdirSync(join(driver.folder, 'trash/left/by/a/crash'), { recursive: true });
    mkdirSync(join(driver.folder, 'probe-abc'));

    const again = await driver.open();
    await again.reconcile();
    await again.close();
    assert.deepEqual(await names(again), ['base', 'container', 'kept']);
    assert.deepEqual(
      [above, unrecorded].map((path) => existsSync(path as string)),
      [false, false],
    );
    assert.deepEqual(readdirSync(join(driver.folder, 'trash')), []);
    assert.equal(existsSync(join(driver.folder, 'probe-abc')), false);
    // What a container wrote stays, and its layers may come back by another pull.
    assert.equal(readFileSync(join(container as string, 'data'), 'utf8'), 'precious');
    await assert.rejects(again.mountOf('container'), (error) => isLadingError(error, 'not_found'));
    for (const [name, parent] of [
      ['lost', 'base'],
      ['above', 'lost'],
    ] as const) {
      await again.prepare('key', parent);
      await again.commit(name, 'key');
    }
    assert.equal((await again.mountOf('container')).lowerDirs.length, 3);
  },
);

test('OverlaySnapshotter.prepare() puts away a folder whose record a power loss took', { skip }, async (t) => {
  const { driver, snapshots } = await withDriver(t);
  mkdirSync(join(driver.folder, '1/fs'), { recursive: true });
  writeFileSync(join(driver.folder, '1/fs/stale'), '');
  const mount = await snapshots.prepare('a');
  assert.deepEqual(readdirSync(mount.source), []);
});

test('OverlaySnapshotter.commit() is durable by default', { skip }, async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'lading-durable-'));
  using metadata = openMetadata(join(root, 'metadata.db'));
  t.after(() => rmSync(root, { recursive: true }));
  const snapshots = await OverlaySnapshotter.open(join(root, 's'), metadata);
  writeFileSync(join((await snapshots.prepare('a')).source, 'file'), 'x');
  await snapshots.commit('layer', 'a');
  assert.deepEqual(readdirSync(join(root, 's/1')), ['fs']);
});

test(
  'OverlaySnapshotter deletes names that are not UTF-8, very deep trees, and follows no link',
  { skip },
  async (t) => {
    const { driver, snapshots } = await withDriver(t);
    const { source } = await snapshots.prepare('a');
    const outside = join(driver.root, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'file'), '');
    symlinkSync(outside, join(source, 'link'));
    const badName = Buffer.from([0x62, 0xff]);
    mkdirSync(Buffer.concat([Buffer.from(`${source}/`), badName]));
    writeFileSync(Buffer.concat([Buffer.from(`${source}/`), badName, Buffer.from('/'), badName]), '');
    makeDeepTree(source, 600);
    assert.ok((await snapshots.usage('a')).inodes > 500);
    await snapshots.remove('a');
    await snapshots.close();
    assert.deepEqual(readdirSync(join(driver.folder, 'trash')), []);
    assert.deepEqual(readdirSync(outside), ['file']);
  },
);

test('OverlaySnapshotter.open() says where overlay cannot work', { skip }, async (t) => {
  const { driver, snapshots } = await withDriver(t);
  await snapshots.prepare('base');
  await snapshots.commit('layer', 'base');
  const target = join(driver.root, 'target');
  mkdirSync(target);
  mountSnapshot(await snapshots.prepare('container', 'layer'), target);
  try {
    await assertNoOverlayOn(join(target, 'inner'), driver);
  } finally {
    unmountSnapshot(target);
  }
});

async function assertNoOverlayOn(folder: string, driver: OverlayDriver): Promise<void> {
  using metadata = openMetadata(join(driver.root, 'other.db'));
  await assert.rejects(
    OverlaySnapshotter.open(folder, metadata),
    (error) => isLadingError(error, 'unavailable') && error.hint !== undefined,
  );
  assert.deepEqual(readdirSync(folder), ['version']);
  await assert.rejects(OverlaySnapshotter.open(join(driver.root, 'a,b'), metadata), (error) =>
    isLadingError(error, 'invalid_argument'),
  );
}

test("mountSnapshot() and unmountSnapshot() serve as the runtime's mounter", { skip }, async (t) => {
  const { driver, snapshots } = await withDriver(t);
  const mounter: RootfsMounter = overlayMounter;
  const mount = await snapshots.prepare('a');
  const target = join(driver.root, 'target');
  assert.throws(
    () => mounter.mount(mount, target),
    (error) => isLadingError(error) && error.message.includes(target),
  );
  mounter.unmount(target);
  mkdirSync(target);
  mounter.mount(mount, target);
  mounter.mount(mount, target);
  mounter.unmount(target);
  mounter.unmount(target);
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(target));
});
