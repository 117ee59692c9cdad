import assert from 'node:assert/strict';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isLadingError, type ErrorCode } from '../errors/index.ts';
import { mountSnapshot, unmountSnapshot } from './mount-snapshot.ts';
import type { Mount, SnapshotInfo, Snapshotter } from './snapshotter.ts';

export interface SuiteDriver {
  /** A snapshotter on an empty store. */
  open(): Promise<Snapshotter>;
  /** Removes the store, closing what `open` made. */
  dispose(): Promise<void>;
}

/** What every driver of {@link Snapshotter} has to do; needs the right to mount. */
export function testSnapshotter(name: string, makeDriver: () => SuiteDriver): void {
  describe(name, () => {
    let driver: SuiteDriver;
    let snapshots: Snapshotter;
    let target: string;
    const rejects = (promise: Promise<unknown>, code: ErrorCode) =>
      assert.rejects(promise, (error) => isLadingError(error, code));

    /** Runs `work` in the mounted snapshot. */
    function inside<T>(mount: Mount, work: (root: string) => T): T {
      mountSnapshot(mount, target);
      try {
        return work(target);
      } finally {
        unmountSnapshot(target);
      }
    }
    async function commitLayer(name: string, parent: string | undefined, files: Record<string, string>): Promise<void> {
      inside(await snapshots.prepare(`key of ${name}`, parent), (root) => {
        for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text);
      });
      await snapshots.commit(name, `key of ${name}`);
    }
    async function all(): Promise<SnapshotInfo[]> {
      const found = [];
      for await (const info of snapshots.walk()) found.push(info);
      return found;
    }

    beforeEach(async () => {
      driver = makeDriver();
      snapshots = await driver.open();
      target = mkdtempSync(join(tmpdir(), 'lading-target-'));
    });
    afterEach(async () => {
      unmountSnapshot(target);
      rmdirSync(target);
      await driver.dispose();
    });

    test('prepare() without a parent gives an empty writable root of mode 0755', async () => {
      const mount = await snapshots.prepare('a');
      inside(mount, (root) => {
        assert.deepEqual(readdirSync(root), []);
        assert.equal(statSync(root).mode & 0o7777, 0o755);
        writeFileSync(join(root, 'file'), 'text');
      });
      inside(await snapshots.mountOf('a'), (root) => assert.equal(readFileSync(join(root, 'file'), 'utf8'), 'text'));
    });

    test('a child sees its parents, and keeps its changes to itself', async () => {
      await commitLayer('one', undefined, { a: '1', b: '1' });
      await commitLayer('two', 'one', { b: '2', c: '2' });
      const changed = await snapshots.prepare('x', 'two');
      inside(changed, (root) => {
        assert.deepEqual(readdirSync(root).toSorted(), ['a', 'b', 'c']);
        assert.equal(readFileSync(join(root, 'b'), 'utf8'), '2');
        rmSync(join(root, 'a'));
        writeFileSync(join(root, 'c'), 'x');
      });
      inside(await snapshots.mountOf('x'), (root) => assert.deepEqual(readdirSync(root).toSorted(), ['b', 'c']));
      inside(await snapshots.prepare('y', 'two'), (root) => {
        assert.equal(readFileSync(join(root, 'a'), 'utf8'), '1');
        assert.equal(readFileSync(join(root, 'c'), 'utf8'), '2');
      });
    });

    test('a child shows the mode and owner its parent gave the root', async () => {
      inside(await snapshots.prepare('a'), (root) => mkdirSync(join(root, 'dir')));
      const { chmodSync, chownSync } = await import('node:fs');
      inside(await snapshots.mountOf('a'), (root) => (chownSync(root, 12, 34), chmodSync(root, 0o1711)));
      await snapshots.commit('base', 'a');
      inside(await snapshots.prepare('b', 'base'), (root) => {
        const { mode, uid, gid } = statSync(root);
        assert.deepEqual([mode & 0o7777, uid, gid], [0o1711, 12, 34]);
      });
    });

    test('view() of none, one and several layers is read-only', async () => {
      await commitLayer('one', undefined, { a: '1' });
      await commitLayer('two', 'one', { b: '2' });
      for (const [parent, names] of [
        [undefined, []],
        ['one', ['a']],
        ['two', ['a', 'b']],
      ] as const)
        inside(await snapshots.view(`view of ${parent}`, parent), (root) => {
          assert.deepEqual(readdirSync(root).toSorted(), names);
          assert.throws(() => writeFileSync(join(root, 'new'), ''), /EROFS/);
        });
      assert.equal((await snapshots.stat('view of two'))?.kind, 'view');
      await rejects(snapshots.commit('three', 'view of two'), 'conflict');
    });

    test('upperDirOf() holds only what a snapshot adds; lowerDirsOf() goes from the top down', async () => {
      await commitLayer('one', undefined, { a: '1' });
      await commitLayer('two', 'one', { b: '2' });
      assert.deepEqual(readdirSync(await snapshots.upperDirOf('two')), ['b']);
      assert.deepEqual(await snapshots.lowerDirsOf('two'), [
        await snapshots.upperDirOf('two'),
        await snapshots.upperDirOf('one'),
      ]);
      assert.deepEqual(await snapshots.lowerDirsOf(undefined), []);
      writeFileSync(join(await snapshots.upperDirOf('one'), 'late'), '');
      await snapshots.prepare('x', 'one');
      writeFileSync(join(await snapshots.upperDirOf('x'), 'applied'), '');
      inside(await snapshots.mountOf('x'), (root) => assert.ok(readdirSync(root).includes('applied')));
    });

    test('commit() to a name that exists removes the active one and leaves the first', async () => {
      await commitLayer('one', undefined, { a: 'first' });
      await commitLayer('one', undefined, { a: 'second' });
      assert.deepEqual(
        (await all()).map(({ name, kind }) => [name, kind]),
        [['one', 'committed']],
      );
      inside(await snapshots.view('v', 'one'), (root) => assert.equal(readFileSync(join(root, 'a'), 'utf8'), 'first'));
      await rejects(snapshots.commit('one', 'key of one'), 'not_found');
      await snapshots.prepare('p');
      await rejects(snapshots.commit('v', 'p'), 'already_exists');
    });

    test('commit() of the same content twice at once keeps one', async () => {
      await snapshots.prepare('p');
      await snapshots.prepare('q');
      await Promise.all([snapshots.commit('same', 'p'), snapshots.commit('same', 'q')]);
      assert.deepEqual(
        (await all()).map((info) => info.name),
        ['same'],
      );
    });

    test('names are taken once, and only a committed snapshot is a parent', async () => {
      await snapshots.prepare('a');
      await rejects(snapshots.prepare('a'), 'already_exists');
      await rejects(snapshots.view('a'), 'already_exists');
      await rejects(snapshots.prepare('b', 'nobody'), 'not_found');
      await rejects(snapshots.prepare('b', 'a'), 'invalid_argument');
      assert.deepEqual(
        (await all()).map((info) => info.name),
        ['a'],
      );
      for (const call of [
        snapshots.mountOf('z'),
        snapshots.upperDirOf('z'),
        snapshots.lowerDirsOf('z'),
        snapshots.usage('z'),
      ])
        await rejects(call, 'not_found');
      assert.equal(await snapshots.stat('z'), undefined);
      await commitLayer('done', undefined, {});
      await rejects(snapshots.mountOf('done'), 'not_found');
    });

    test('remove() is idempotent, refuses a parent, and frees the name', async () => {
      await commitLayer('one', undefined, { a: '1' });
      await commitLayer('two', 'one', { b: '2' });
      await snapshots.view('v', 'two');
      await rejects(snapshots.remove('one'), 'conflict');
      await rejects(snapshots.remove('two'), 'conflict');
      for (const name of ['v', 'v', 'two', 'one', 'one', 'nobody']) await snapshots.remove(name);
      assert.deepEqual(await all(), []);
      await snapshots.close();
      inside(await snapshots.prepare('one'), (root) => assert.deepEqual(readdirSync(root), []));
    });

    test('graft() shows a layer on another parent without copying it, and outlives its source', async () => {
      await commitLayer('base', undefined, { a: 'base', b: 'base' });
      await commitLayer('link', undefined, { a: 'link', c: 'link' });
      await snapshots.graft('grafted', 'link', 'base');
      await snapshots.graft('grafted', 'link', 'base');
      const read = (root: string) => ['a', 'b', 'c'].map((path) => readFileSync(join(root, path), 'utf8'));
      assert.deepEqual(inside(await snapshots.view('v', 'grafted'), read), ['link', 'base', 'link']);
      assert.equal(await snapshots.upperDirOf('grafted'), await snapshots.upperDirOf('link'));
      await commitLayer('above', 'grafted', { b: 'above', d: 'above' });
      await snapshots.graft('twice', 'link', 'above');
      assert.deepEqual(inside(await snapshots.view('w', 'twice'), read), ['link', 'above', 'link']);
      await snapshots.remove('link');
      assert.deepEqual(inside(await snapshots.mountOf('v'), read), ['link', 'base', 'link']);
      await rejects(snapshots.graft('x', 'gone', 'base'), 'not_found');
      await rejects(snapshots.graft('x', 'base', 'gone'), 'not_found');
      await rejects(snapshots.graft('x', 'above', 'base'), 'conflict');
      const folder = await snapshots.upperDirOf('grafted');
      for (const name of ['v', 'w', 'twice', 'above', 'grafted']) {
        assert.ok(existsSync(folder), `the folder is gone before ${name} is removed`);
        await snapshots.remove(name);
      }
      assert.equal(existsSync(folder), false);
    });

    test('usage() counts allocated bytes and inodes of one snapshot, hard links once', async () => {
      await commitLayer('one', undefined, { big: 'x'.repeat(1_000_000) });
      inside(await snapshots.prepare('x', 'one'), (root) => {
        mkdirSync(join(root, 'd'));
        writeFileSync(join(root, 'd/file'), 'y'.repeat(100_000));
        linkSync(join(root, 'd/file'), join(root, 'd/link'));
      });
      await snapshots.commit('two', 'x');
      const [one, two] = [await snapshots.usage('one'), await snapshots.usage('two')];
      assert.equal(one.inodes, 2);
      assert.ok(one.sizeBytes >= 1_000_000 && one.sizeBytes < 1_100_000, `one takes ${one.sizeBytes}`);
      assert.equal(two.inodes, 3);
      assert.ok(two.sizeBytes >= 100_000 && two.sizeBytes < 200_000, `two takes ${two.sizeBytes}`);
      assert.deepEqual(await snapshots.usage('two'), two);
    });

    test('more layers than a page of mount options holds can be mounted', async () => {
      const layers = 170;
      for (let i = 1; i <= layers; i++)
        await commitLayer(`${i}`, i === 1 ? undefined : `${i - 1}`, { [`f${i}`]: '', last: `${i}` });
      inside(await snapshots.prepare('top', `${layers}`), (root) => {
        assert.equal(readdirSync(root).length, layers + 1);
        assert.equal(readFileSync(join(root, 'last'), 'utf8'), `${layers}`);
        writeFileSync(join(root, 'f1'), 'copied up');
      });
      inside(await snapshots.view('v', `${layers}`), (root) => {
        assert.equal(readFileSync(join(root, 'f1'), 'utf8'), '');
        assert.throws(() => writeFileSync(join(root, 'f1'), ''), /EROFS/);
      });
    });
  });
}
