import { formatPlatform } from '../../oci/index.ts';
import type { Image } from '../../image/index.ts';
import type { BuilderDependencies } from '../types.ts';

type ResolveBase = BuilderDependencies['resolveBase'];

/** Resolves each base of a build once, whichever of its platforms asks first: the others wait and do not pull it again. */
export function sharedBases(resolve: ResolveBase): ResolveBase {
  const bases = new Map<string, Promise<Image>>();
  return (reference, request) => {
    const key = `${reference} ${request.platform ? formatPlatform(request.platform) : ''}`;
    const known = bases.get(key) ?? resolve(reference, request);
    bases.set(key, known);
    return known;
  };
}
