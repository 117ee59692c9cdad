import { LadingError } from '../../errors/index.ts';
import { formatPlatform, formatReference, type Platform, type Reference } from '../../oci/index.ts';
import type { BuildCache } from '../cache/build-cache.ts';
import type { Material } from '../materials.ts';
import type { TravellingSelection } from '../remote-cache/cache-document.ts';
import type { StageResult } from '../stage-result.ts';
import type { BuildEvent, BuildLease, BuildRequest, BuildResult, BuilderDependencies } from '../types.ts';
import { storeImage } from './store-image.ts';

/** What one platform of a build made. */
export interface BuiltPlatform {
  readonly platform: Platform;
  readonly stage: StageResult;
  /** SOURCE_DATE_EPOCH as RFC 3339: the time of everything this build adds. */
  readonly epoch: string | undefined;
  readonly materials: readonly Material[];
  /** Keys of the cache records of all its steps. */
  readonly steps: readonly string[];
  /** Digests of files in layers that it used. */
  readonly selections: readonly TravellingSelection[];
  /** What the image's config says of its steps: `--cache-to type=inline`. */
  readonly inlineCache?: object;
}

export interface ExportContext {
  readonly dependencies: BuilderDependencies;
  readonly request: BuildRequest;
  readonly names: readonly Reference[];
  readonly cache: BuildCache;
  readonly lease: BuildLease;
  readonly onEvent: (event: BuildEvent) => void;
  readonly signal: AbortSignal;
}

/** Sends what was built where the request wants it. @throws invalid_argument for an output that cannot be */
export async function exportBuild(built: readonly BuiltPlatform[], context: ExportContext): Promise<BuildResult> {
  const { request, names } = context;
  const [only] = built;
  if (!only || built.length > 1)
    throw new LadingError(
      'not_implemented',
      `build for ${built.map(({ platform }) => formatPlatform(platform)).join(', ')}: several platforms are not supported`,
    );
  const record = await storeImage(only.stage, {
    content: context.dependencies.content,
    images: context.dependencies.images,
    cache: context.cache,
    lease: context.lease,
    labels: request.labels,
    names,
    epoch: only.epoch,
    inlineCache: only.inlineCache,
  });
  const tags = names.map(formatReference);
  return {
    imageId: record.id,
    tags,
    metadata: {
      'containerimage.config.digest': record.id,
      'containerimage.digest': record.manifest.digest,
      'containerimage.descriptor': record.manifest,
      ...(tags.length === 0 ? {} : { 'image.name': tags.join(',') }),
    },
  };
}
