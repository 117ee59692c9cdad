/** Media types lading reads and writes (image-spec media-types.md; Docker's schema 2). */
export const MEDIA = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

const INDEXES: readonly string[] = [MEDIA.ociIndex, MEDIA.dockerList];
const MANIFESTS: readonly string[] = [MEDIA.ociManifest, MEDIA.dockerManifest];

/** Image index or Docker manifest list. */
export function isIndexType(mediaType: string): boolean {
  return INDEXES.includes(mediaType);
}

/** Image manifest of either family. */
export function isManifestType(mediaType: string): boolean {
  return MANIFESTS.includes(mediaType);
}

/** What a client may receive for a manifest request, in order of preference. */
export const MANIFEST_ACCEPT: readonly string[] = [...INDEXES, ...MANIFESTS];

export type Compression = 'none' | 'gzip' | 'zstd';

/** The compression a layer's media type announces; undefined when it is not a layer type. */
export function compressionOfLayerType(mediaType: string): Compression | undefined {
  const base = mediaType.replace('.nondistributable', '').replace('.foreign', '');
  if (base === MEDIA.ociLayer || base === MEDIA.dockerLayer) return 'none';
  if (base === MEDIA.ociLayerGzip || base === MEDIA.dockerLayerGzip) return 'gzip';
  if (base === MEDIA.ociLayerZstd || base === 'application/vnd.docker.image.rootfs.diff.tar.zstd') return 'zstd';
  return undefined;
}
