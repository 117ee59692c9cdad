import type { ContentStore } from '../../content/index.ts';
import type { RegistryClient } from '../../distribution/index.ts';
import { LadingError, messageOf } from '../../errors/index.ts';
import type { Credentials } from '../request.ts';
import type { CacheSource } from './cache-options.ts';
import { openLocalCache } from './local-cache.ts';
import type { OpenedCache } from './opened-cache.ts';
import { openRegistryCache } from './registry-cache.ts';

export interface OpenDependencies {
  readonly content: ContentStore;
  readonly registries: RegistryClient;
  readonly credentialsFor: (reference: string) => Credentials | undefined;
  readonly onWarning: (message: string) => void;
  readonly signal: AbortSignal;
}

/** The caches that can be read, in order; those that cannot are a warning each. */
export async function openCaches(sources: readonly CacheSource[], d: OpenDependencies): Promise<OpenedCache[]> {
  const opened = await Promise.all(
    sources.map(async (source) => {
      try {
        return await openCache(source, d);
      } catch (error) {
        d.signal.throwIfAborted();
        const hint = error instanceof LadingError && error.hint !== undefined ? ` (${error.hint})` : '';
        d.onWarning(`cache ${source.name} is not used: ${messageOf(error)}${hint}`);
        return [];
      }
    }),
  );
  return opened.flat();
}

async function openCache(
  source: CacheSource,
  { content, registries: client, credentialsFor, signal }: OpenDependencies,
): Promise<OpenedCache[]> {
  if (source.kind === 'local') return [await openLocalCache(source, content)];
  const call = { auth: credentialsFor(source.name), signal };
  return openRegistryCache(source.reference, source.name, { client, content, call });
}
