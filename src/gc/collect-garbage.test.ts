import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobInfo } from '../content/index.ts';
import { LadingError, isLadingError } from '../errors/index.ts';
import { digestOf, type Digest } from '../oci/index.ts';
import type { SnapshotInfo, SnapshotKind } from '../snapshot/index.ts';
import { LeaseSet, collectGarbage, type Roots } from './index.ts';

const LONG_AGO = new Date('2026-01-01T00:00:00Z');
const [A, B, C] = ['a', 'b', 'c'].map(digestOf) as [Digest, Digest, Digest];

/** A content store in memory; `onDelete` runs in the middle of every deletion. */
class FakeContent {
  readonly blobs = new Map<Digest, BlobInfo>();
  onDelete = async (): Promise<void> => undefined;

  add(digest: Digest, createdAt = LONG_AGO): this {
    this.blobs.set(digest, { digest, size: 10, createdAt });
    return this;
  }
  async *walk(): AsyncIterable<BlobInfo> {
    yield* this.blobs.values();
  }
  async delete(digest: Digest): Promise<boolean> {
    await this.onDelete();
    return this.blobs.delete(digest);
  }
}

class FakeSnapshotter {
  readonly all = new Map<string, SnapshotInfo>();
  readonly removed: string[] = [];

  add(name: string, parent?: string, kind: SnapshotKind = 'committed', createdAt = LONG_AGO): this {
    this.all.set(name, { name, kind, createdAt: createdAt.toISOString(), ...(parent === undefined ? {} : { parent }) });
    return this;
  }
  async *walk(): AsyncIterable<SnapshotInfo> {
    yield* this.all.values();
  }
  async remove(name: string): Promise<void> {
    for (const info of this.all.values()) if (info.parent === name) throw new LadingError('conflict', 'has a child');
    this.all.delete(name);
    this.removed.push(name);
  }
  async usage(): Promise<{ sizeBytes: number; inodes: number }> {
    return { sizeBytes: 1000, inodes: 1 };
  }
}

function setUp() {
  const [content, snapshotter, leases] = [new FakeContent(), new FakeSnapshotter(), new LeaseSet()];
  const collect = (roots: { digests?: Digest[]; snapshots?: string[] } | (() => Promise<Roots>) = {}) =>
    collectGarbage({
      content,
      snapshotter,
      leases,
      roots:
        typeof roots === 'function'
          ? roots
          : () => ({ digests: new Set(roots.digests), snapshots: new Set(roots.snapshots) }),
    });
  return { content, snapshotter, leases, collect };
}

const NO_ROOTS: Roots = { digests: new Set(), snapshots: new Set() };

test('collectGarbage() deletes the blobs that no root names', async () => {
  const { content, collect } = setUp();
  content.add(A).add(B).add(C);
  const result = await collect({ digests: [B] });
  assert.deepEqual(result, { blobs: [A, C], snapshots: [], freedBytes: 20 });
  assert.deepEqual([...content.blobs.keys()], [B]);
});

test('collectGarbage() removes unneeded snapshots leaf first, keeps roots with all below them', async () => {
  const { snapshotter, collect } = setUp();
  snapshotter.add('base').add('app', 'base').add('old', 'base').add('older', 'old').add('alone');
  const result = await collect({ snapshots: ['app'] });
  assert.deepEqual([...snapshotter.all.keys()], ['base', 'app']);
  assert.deepEqual(snapshotter.removed.indexOf('older') < snapshotter.removed.indexOf('old'), true);
  assert.equal(result.freedBytes, 3000);
});

test('collectGarbage() never removes active snapshots and views, nor their parents', async () => {
  const { snapshotter, collect } = setUp();
  snapshotter.add('one').add('two', 'one').add('container', 'two', 'active').add('three').add('peek', 'three', 'view');
  await collect();
  assert.deepEqual(snapshotter.removed, []);
});

test('collectGarbage() keeps what was made after it began', async () => {
  const { content, snapshotter, collect } = setUp();
  const young = new Date(Date.now() + 1000);
  content.add(A, young);
  snapshotter.add('base').add('new', 'base', 'committed', young);
  assert.deepEqual(await collect(), { blobs: [], snapshots: [], freedBytes: 0 });
});

test('a lease protects blobs, and snapshots with all below them, until every holder ended', async () => {
  const { content, snapshotter, leases, collect } = setUp();
  content.add(A);
  snapshotter.add('one').add('two', 'one');
  const [first, second] = [leases.take(), leases.take()];
  await first.addDigest(A);
  await second.addDigest(A);
  await second.addSnapshot('two');
  await first[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  assert.equal((await collect()).freedBytes, 0);
  await second[Symbol.asyncDispose]();
  await assert.rejects(second.addDigest(A), (error) => isLadingError(error, 'internal'));
  assert.equal((await collect()).freedBytes, 2010);
});

test('a pull that ends between mark and sweep loses nothing', async () => {
  const { content, snapshotter, leases, collect } = setUp();
  content.add(A).add(B);
  snapshotter.add('base').add('layer', 'base');
  const lease = leases.take();
  await lease.addDigest(A);
  await lease.addSnapshot('layer');
  // The roots are read; then the pull writes its record, too late to be a root, and ends its lease.
  await collect(async () => {
    await lease[Symbol.asyncDispose]();
    return NO_ROOTS;
  });
  assert.deepEqual([...content.blobs.keys()], [A]);
  assert.deepEqual([...snapshotter.all.keys()], ['base', 'layer']);
});

test('a pull that begins after the mark keeps what it finds', async () => {
  const { content, snapshotter, leases, collect } = setUp();
  content.add(A).add(B);
  snapshotter.add('base');
  await using lease = leases.take();
  await collect(async () => {
    // Still before the sweep, after the records were read.
    await lease.addDigest(B);
    await lease.addSnapshot('base');
    return NO_ROOTS;
  });
  assert.deepEqual([...content.blobs.keys()], [B]);
  assert.deepEqual(snapshotter.removed, []);
});

test('who leases a blob while it is being deleted waits, and then knows that it is gone', async () => {
  const { content, leases, collect } = setUp();
  content.add(A);
  await using lease = leases.take();
  const deleting = Promise.withResolvers<void>();
  const proceed = Promise.withResolvers<void>();
  content.onDelete = async () => {
    deleting.resolve();
    await proceed.promise;
  };
  const collected = collect();
  await deleting.promise;
  let added = false;
  const adding = lease.addDigest(A).then(() => (added = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(added, false);
  proceed.resolve();
  await adding;
  assert.equal(content.blobs.has(A), false);
  await collected;
});

test('collectGarbage() leaves a snapshot that got a child since the mark, and passes other failures on', async () => {
  const { snapshotter, collect } = setUp();
  snapshotter.add('base');
  const { usage } = snapshotter;
  snapshotter.usage = async () => {
    snapshotter.add('container', 'base', 'active');
    return usage();
  };
  assert.deepEqual((await collect()).snapshots, []);
  snapshotter.all.delete('container');
  snapshotter.usage = usage;
  snapshotter.remove = async () => {
    throw new LadingError('internal', 'disk on fire');
  };
  await assert.rejects(collect(), (error) => isLadingError(error, 'internal'));
});

test('collectGarbage() stops when it is cancelled', async () => {
  const { content, snapshotter, leases } = setUp();
  content.add(A);
  const options = { content, snapshotter, leases, roots: () => NO_ROOTS, signal: AbortSignal.abort() };
  await assert.rejects(collectGarbage(options), /abort/i);
  assert.equal(content.blobs.size, 1);
});
