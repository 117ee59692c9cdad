import { choosePlatform, type RegistryClient } from '../distribution/index.ts';
import type { BaseFacts } from '../dockerfile/index.ts';
import { isLadingError } from '../errors/index.ts';
import type { ImageStore } from '../image/index.ts';
import {
  parseImageConfig,
  parseJson,
  parseManifestDocument,
  parseReference,
  withDefaultTag,
  type ImageConfig,
  type Platform,
} from '../oci/index.ts';
import { envMap } from './config/apply-config.ts';
import { credentialsFor } from './registry-credentials.ts';
import type { Credentials } from './types.ts';

export interface BaseSources {
  readonly images: ImageStore;
  readonly registries: RegistryClient;
  readonly credentials: Readonly<Record<string, Credentials>>;
  readonly signal: AbortSignal;
}

/** A check is for impatient people. */
const TIMEOUT_MS = 10_000;

/** What the checks want to know of an image. */
export function factsOf({ config, os, architecture, variant }: ImageConfig): Required<BaseFacts> {
  return {
    env: envMap(config.Env),
    shell: (config.Shell ?? []).length > 0,
    onbuild: config.OnBuild ?? [],
    platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
  };
}

/**
 * Looks an image's configuration up without fetching its layers: in the store, else at its registry. What cannot be had is not known:
 * undefined. The platform of an image in the store says nothing, since a build may fetch another.
 * @throws invalid_argument for a name that is none; cancelled
 */
export async function findBaseFacts(
  reference: string,
  platform: Platform,
  { images, registries, credentials, signal }: BaseSources,
): Promise<BaseFacts | undefined> {
  const name = withDefaultTag(parseReference(reference));
  const local = images.find(reference);
  if (local) {
    const { platform: _any, ...facts } = factsOf((await images.open(local.record)).config);
    return facts;
  }
  const call = {
    auth: credentialsFor(reference, credentials),
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  };
  try {
    const top = await registries.resolve(name, call);
    const found = parseManifestDocument(top.bytes, top.mediaType);
    const chosen = found.kind === 'index' ? choosePlatform(found.index, platform) : undefined;
    const one = chosen ? await registries.fetchManifest(name, chosen.digest, call) : top;
    const document = parseManifestDocument(one.bytes, one.mediaType);
    if (document.kind !== 'manifest') return undefined;
    return factsOf(
      parseImageConfig(parseJson(await registries.fetchBlob(name, document.manifest.config, call), 'image config')),
    );
  } catch (error) {
    signal.throwIfAborted();
    if (!isLadingError(error)) throw error;
    return undefined;
  }
}
