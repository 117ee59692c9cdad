import { LadingError } from '../errors/index.ts';
import { formatPlatform, platformMatches, type Descriptor, type ImageIndex, type Platform } from '../oci/index.ts';

const ARM_VARIANTS = ['v8', 'v7', 'v6', 'v5'];

/** The platforms that can stand in for one, best first: 32-bit arm also runs what older variants run. */
function candidatesFor(platform: Platform): Platform[] {
  if (platform.architecture !== 'arm') return [platform];
  const first = Math.max(0, ARM_VARIANTS.indexOf(platform.variant ?? 'v7'));
  return ARM_VARIANTS.slice(first).map((variant) => ({ ...platform, variant }));
}

/** Attestations sit in an index as entries of no platform; they are no images. */
function isImageEntry({ platform, annotations }: Descriptor): boolean {
  return platform?.os !== 'unknown' && annotations?.['vnd.docker.reference.type'] === undefined;
}

/** The entry of an index for a platform. @throws not_found listing what there is */
export function choosePlatform(index: ImageIndex, platform: Platform): Descriptor {
  const entries = index.manifests.filter(isImageEntry);
  for (const candidate of candidatesFor(platform)) {
    const entry = entries.find((entry) => entry.platform && platformMatches(candidate, entry.platform));
    if (entry) return entry;
  }
  const [only] = entries;
  // An index of one image need not say for what; the config will.
  if (only && entries.length === 1 && only.platform === undefined) return only;
  const available = [...new Set(entries.flatMap((entry) => (entry.platform ? [formatPlatform(entry.platform)] : [])))];
  throw new LadingError(
    'not_found',
    `no matching manifest for ${formatPlatform(platform)} in the manifest list entries: available: ${available.slice(0, 50).join(', ') || 'none'}`,
    { hint: 'choose one with --platform' },
  );
}
