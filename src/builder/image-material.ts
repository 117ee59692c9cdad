import type { Image } from '../image/index.ts';
import { familiarRepository, formatPlatform, parseReference, withDefaultTag, type Platform } from '../oci/index.ts';
import type { Material } from './materials.ts';

/** An image a build began with or copied from. @param uri its package URL */
export function imageMaterial(uri: string, { manifest }: Pick<Image, 'manifest'>): Material {
  return { kind: 'image', uri, digest: { sha256: manifest.digest.replace(/^sha256:/, '') } };
}

/** As BuildKit names images in provenance: "pkg:docker/alpine@3.20?platform=linux%2Famd64". */
export function packageUrl(reference: string, platform: Platform): string {
  const { digest } = parseReference(reference);
  const pinned = digest === undefined ? [] : [`digest=${digest}`];
  return `${packagePrefix(reference)}${[...pinned, platformQualifier(platform)].join('&')}`;
}

/** A package URL up to its qualifiers. */
export function packagePrefix(reference: string): string {
  const { domain, path, tag } = withDefaultTag(parseReference(reference));
  return `pkg:docker/${familiarRepository({ domain, path })}${tag === undefined ? '' : `@${tag}`}?`;
}

/** The last qualifier of a package URL. */
export function platformQualifier(platform: Platform): string {
  return `platform=${encodeURIComponent(formatPlatform(platform))}`;
}
