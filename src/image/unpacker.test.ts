import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { ContentStore } from '../content/index.ts';
import { LadingError, isLadingError } from '../errors/index.ts';
import { MEDIA, digestOf, type DiffID } from '../oci/index.ts';
import { MemoryMetadataStore } from '../metadata/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import { LayerBlobs, Unpacker } from './index.ts';

test('who cancels a shared unpack cancels it for itself alone: the other caller begins again', async () => {
  const first = new AbortController();
  let begun = 0;
  const content = {
    async pathOf() {
      if (++begun > 1) throw new LadingError('not_found', 'reached a second time');
      first.abort();
      throw new LadingError('cancelled', 'archive work: cancelled');
    },
  } as unknown as ContentStore;
  const removed: string[] = [];
  const snapshotter = {
    stat: async () => undefined,
    prepare: async () => [],
    upperDirOf: async () => '/nowhere',
    lowerDirsOf: async () => [],
    remove: async (key: string) => void removed.push(key),
  } as unknown as Snapshotter;
  const unpacker = new Unpacker(content, snapshotter);
  const digest = digestOf('layer');
  const blob = { mediaType: MEDIA.ociLayer, digest, size: 5 };
  const diffId = digest as string as DiffID;
  const leader = unpacker.unpack(undefined, diffId, blob, { signal: first.signal });
  const follower = unpacker.unpack(undefined, diffId, blob);
  await Promise.all([
    assert.rejects(leader, (error) => isLadingError(error, 'cancelled')),
    assert.rejects(follower, (error) => isLadingError(error, 'not_found')),
  ]);
  assert.equal(begun, 2);
  assert.equal(removed.length, 2);
});

test('a blob that is paired with an unpacked layer is compared with it, once, before it counts as one of its forms', async () => {
  const layer = Buffer.alloc(1024, 'layer');
  const [good, evil] = [gzipSync(layer), gzipSync('evil')].map((bytes) => ({ bytes, digest: digestOf(bytes) }));
  const opened: string[] = [];
  const content = {
    open: async (digest: string) => {
      opened.push(digest);
      return Readable.from([[good!, evil!].find((blob) => blob.digest === digest)!.bytes]);
    },
    info: async () => ({}),
  } as unknown as ContentStore;
  const snapshotter = { stat: async () => ({}) } as unknown as Snapshotter;
  using metadata = new MemoryMetadataStore();
  const forms = new LayerBlobs(content, metadata);
  const unpacker = new Unpacker(content, snapshotter, forms);
  const diffId = digestOf(layer) as string as DiffID;
  const unpack = ({ bytes, digest }: NonNullable<typeof good>): Promise<unknown> =>
    unpacker.unpack(undefined, diffId, { mediaType: MEDIA.ociLayerGzip, digest, size: bytes.length });
  await assert.rejects(unpack(evil!), (error) => isLadingError(error, 'data_loss'));
  await unpack(good!);
  await unpack(good!);
  assert.deepEqual(opened, [evil!.digest, good!.digest]);
  assert.deepEqual(
    forms.remembered(diffId).map(({ digest }) => digest),
    [good!.digest],
  );
});
