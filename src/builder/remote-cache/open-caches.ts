import type { ContentStore } from '../../content/index.ts';
import type { ImageStore } from '../../image/index.ts';
import type { RegistryClient } from '../../distribution/index.ts';
import { LadingError, messageOf } from '../../errors/index.ts';
import type { Credentials } from '../request.ts';
import type { CacheSource } from './cache-options.ts';
import { openLocalCache } from './local-cache.ts';
import type { OpenedCache } from './opened-cache.ts';
import { openRegistryCache } from './registry-cache.ts';
import { openStoredCache } from './stored-cache.ts';

const PATIENCE_MS = 15_000;

export interface OpenDependencies {
  readonly content: ContentStore;
  readonly images: ImageStore;
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

/** An image of this machine may carry a cache as well as the registry's; either is enough. */
async function openCache(source: CacheSource, d: OpenDependencies): Promise<OpenedCache[]> {
  if (source.kind === 'local') return [await openLocalCache(source, d.content)];
  const stored = await openStoredCache(source.reference, d);
  try {
    return [...(stored ? [stored] : []), ...(await fromRegistry(source, d))];
  } catch (error) {
    if (stored && !d.signal.aborted) return [stored];
    throw error;
  }
}

/** A registry that does not answer soon costs more than the cache is worth. */
async function fromRegistry(
  { reference, name }: Extract<CacheSource, { kind: 'registry' }>,
  { content, registries: client, credentialsFor, signal }: OpenDependencies,
): Promise<OpenedCache[]> {
  const late = AbortSignal.timeout(PATIENCE_MS);
  const call = { auth: credentialsFor(name), signal: AbortSignal.any([signal, late]) };
  try {
    return await openRegistryCache(reference, name, { client, content, call });
  } catch (error) {
    if (!late.aborted || signal.aborted) throw error;
    throw new LadingError('deadline_exceeded', `the registry did not hand it over within ${PATIENCE_MS / 1000} s`);
  }
}
