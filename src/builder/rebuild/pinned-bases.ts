import { LadingError, isLadingError } from '../../errors/index.ts';
import type { Image } from '../../image/index.ts';
import { isDigest, parseReference, type Digest, type Platform } from '../../oci/index.ts';
import { packagePrefix, platformQualifier } from '../image-material.ts';
import type { BaseRequest, BuilderDependencies } from '../types.ts';
import type { Pin } from './replay-request.ts';

/** Resolves base images to what they were, by digest: from the store, else from their registry. */
export function pinnedBases(
  { images, resolveBase }: Pick<BuilderDependencies, 'images' | 'resolveBase'>,
  pins: readonly Pin[],
): BuilderDependencies['resolveBase'] {
  return async (reference: string, request: BaseRequest): Promise<Image> => {
    const digest = pinOf(reference, request.platform, pins);
    if (digest === undefined)
      throw new LadingError('not_found', `rebuild: the provenance does not name the image "${reference}"`, {
        hint: 'the Dockerfile may be another than the one that was built',
      });
    const stored = images.records().find(({ manifest }) => manifest.digest === digest);
    if (stored) return images.open(stored);
    const { domain, path } = parseReference(reference);
    try {
      return await resolveBase(`${domain}/${path}@${digest}`, request);
    } catch (error) {
      if (!isLadingError(error)) throw error;
      throw new LadingError(error.code, `rebuild: base image "${reference}" at ${digest}: ${error.message}`, {
        cause: error,
        hint: 'it is neither in the store nor in its registry any more: load or pull it by that digest',
      });
    }
  };
}

/** The manifest a reference meant, by the package URLs of the provenance. */
function pinOf(reference: string, platform: Platform | undefined, pins: readonly Pin[]): Digest | undefined {
  const { digest } = parseReference(reference);
  const prefix = packagePrefix(reference);
  const suffix = platform === undefined ? '' : platformQualifier(platform);
  const found = pins.find(
    ({ uri }) =>
      uri.startsWith(prefix) && uri.endsWith(suffix) && (digest === undefined || uri.includes(`digest=${digest}`)),
  );
  const pinned = `sha256:${found?.digest['sha256'] ?? ''}`;
  return isDigest(pinned) ? pinned : undefined;
}
