import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContentStore } from '../content/index.ts';
import { LadingError, isLadingError } from '../errors/index.ts';
import { MEDIA, digestOf, type DiffID } from '../oci/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import { Unpacker } from './index.ts';

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
