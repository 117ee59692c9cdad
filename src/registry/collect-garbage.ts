import type { ContentManager } from '../content/index.ts';
import type { Repositories } from './repositories.ts';

/** Removes blobs no repository holds. Only while nothing is served: an upload's blob is held a moment after it is committed. */
export async function collectGarbage(repositories: Repositories, store: ContentManager): Promise<number> {
  const held = new Set<string>();
  for await (const digest of repositories.held()) held.add(digest);
  let freed = 0;
  for await (const { digest, size } of store.walk())
    if (!held.has(digest) && (await store.delete(digest))) freed += size;
  return freed;
}
