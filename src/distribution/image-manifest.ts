import { LadingError } from '../errors/index.ts';
import {
  MEDIA,
  compressionOfLayerType,
  familiarReference,
  formatPlatform,
  parseImageConfig,
  parseJson,
  platformMatches,
  type ImageConfig,
  type ImageManifest,
  type Platform,
  type Reference,
} from '../oci/index.ts';

/** `application/octet-stream` is what Docker 1.10 called a config. */
const CONFIG_TYPES: readonly string[] = [MEDIA.ociConfig, MEDIA.dockerConfig, 'application/octet-stream'];

/** Refuses what cannot become a root file system. @throws invalid_argument */
export function assertImage(manifest: ImageManifest, reference: Reference): void {
  const attempted = `pull ${familiarReference(reference)}`;
  const kind = manifest.artifactType ?? manifest.config.mediaType;
  if (manifest.artifactType !== undefined && manifest.config.mediaType === MEDIA.ociEmpty)
    throw notAnImage(attempted, kind);
  if (!CONFIG_TYPES.includes(manifest.config.mediaType)) throw notAnImage(attempted, manifest.config.mediaType);
  for (const { mediaType } of manifest.layers) {
    if (mediaType.includes('.foreign') || mediaType.includes('.nondistributable'))
      throw new LadingError('invalid_argument', `${attempted}: it has a foreign layer ("${mediaType}")`, {
        hint: 'foreign layers belong to Windows images, which do not run here',
      });
    if (compressionOfLayerType(mediaType) === undefined)
      throw new LadingError('invalid_argument', `${attempted}: unsupported layer type "${mediaType.slice(0, 200)}"`);
  }
}

function notAnImage(attempted: string, kind: string): LadingError {
  return new LadingError('invalid_argument', `${attempted}: it is no container image but "${kind.slice(0, 200)}"`, {
    hint: 'artifacts such as charts and signatures cannot be run',
  });
}

/** Reads a config that has just arrived and compares it with its manifest. @throws invalid_argument, not_found for another platform than asked for */
export function checkConfig(
  bytes: Buffer,
  manifest: ImageManifest,
  reference: Reference,
  wanted: Platform | undefined,
): ImageConfig {
  const config = parseImageConfig(parseJson(bytes, 'image config'));
  const [diffIds, layers] = [config.rootfs.diff_ids.length, manifest.layers.length];
  if (diffIds !== layers)
    throw new LadingError(
      'invalid_argument',
      `pull ${familiarReference(reference)}: the config names ${diffIds} layers, the manifest ${layers}`,
    );
  const runsOlderArm = wanted?.architecture === 'arm' && config.architecture === 'arm' && wanted.os === config.os;
  if (wanted && !runsOlderArm && !platformMatches(wanted, config))
    throw new LadingError(
      'not_found',
      `image with reference ${familiarReference(reference)} was found but its platform (${formatPlatform(config)}) does not match the specified platform (${formatPlatform(wanted)})`,
    );
  return config;
}
