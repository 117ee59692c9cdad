import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LadingError } from '../../errors/index.ts';
import { LayerBlobs, type Image, type Referrers } from '../../image/index.ts';
import { MemoryMetadataStore, type MetadataStore } from '../../metadata/index.ts';
import { Builder, type BuildOptions } from '../builder.ts';
import { BuildCache } from '../cache/build-cache.ts';
import type { BuiltPlatform } from '../export/exporting.ts';
import { squash, type SquashMode } from '../export/squash.ts';
import { SquashedLayers } from '../export/squashed-layers.ts';
import { REBUILDS, Scratch } from '../scratch.ts';
import type { BuildLease, BuilderDependencies } from '../types.ts';
import { compareImages, type RebuildVerdict } from './compare-images.ts';
import { findProvenance } from './find-provenance.ts';
import { pinnedBases } from './pinned-bases.ts';
import { replayOf, type RebuildRequest } from './replay-request.ts';

export interface RebuilderDependencies extends BuilderDependencies {
  readonly referrers: Referrers;
}

/** Does builds again from their provenance, on nothing that is cached, and compares. Nothing stays of it. */
export class Rebuilder {
  readonly #d: RebuilderDependencies;

  constructor(dependencies: RebuilderDependencies) {
    this.#d = dependencies;
  }

  /**
   * Builds an image again from its provenance and compares the two.
   * @throws not_found (no provenance, an input that is missing), invalid_argument (an input the provenance does not tell), what the build fails with
   */
  async verify(ref: string, request: RebuildRequest, options: BuildOptions): Promise<RebuildVerdict> {
    const { images } = this.#d;
    const found = images.resolve(ref);
    const image = await images.open(found.record);
    await using lease = this.#d.lease();
    await lease.addDigest(image.id);
    for (const { blob } of image.layers) await lease.addDigest(blob.digest);
    const { credentials } = request;
    const told = await findProvenance(found, this.#d, { credentials, signal: options.signal });
    if (!told)
      throw new LadingError('not_found', `rebuild "${ref}": the image has no provenance`, {
        hint: 'build it with lading, and without --provenance=false',
      });
    const replay = replayOf(told.predicate, image.config, told.memory, request);
    return await this.#replay(image, replay, { ...options, lease, ignoreTimes: request.ignoreTimes === true });
  }

  async #replay(
    image: Image,
    { request, pins }: ReturnType<typeof replayOf>,
    { lease, ignoreTimes, ...options }: BuildOptions & { readonly lease: BuildLease; readonly ignoreTimes: boolean },
  ): Promise<RebuildVerdict> {
    using metadata = new MemoryMetadataStore();
    const scratchDir = join(this.#d.scratchDir, REBUILDS, randomBytes(8).toString('hex'));
    const { content } = this.#d;
    const layerBlobs = new LayerBlobs(content, metadata);
    const builder = new Builder({
      ...this.#d,
      metadata,
      layerBlobs,
      scratchDir,
      isolated: true,
      pins,
      resolveBase: pinnedBases(this.#d, pins),
      // What is built is held until it is compared.
      lease: () => ({ ...leaseOf(lease), [Symbol.asyncDispose]: async () => undefined }),
    });
    let verdict: RebuildVerdict | undefined;
    const inspect = async ([built]: readonly BuiltPlatform[]): Promise<void> => {
      if (!built) return;
      const { labels, squash: mode } = request;
      const { signal } = options;
      const stage = mode
        ? await this.#squashed(built, mode, { metadata, layerBlobs, scratchDir, lease, signal })
        : built.stage;
      const cache = new BuildCache(metadata);
      verdict = await compareImages(image, { ...built, stage }, { content, cache, lease, ignoreTimes, labels, signal });
    };
    try {
      await builder.build(request, { ...options, inspect });
      if (verdict) return verdict;
      throw new LadingError('internal', 'rebuild: nothing was built');
    } finally {
      await removeScratch(scratchDir);
    }
  }

  #squashed({ stage }: BuiltPlatform, mode: SquashMode, parts: SquashParts): Promise<BuiltPlatform['stage']> {
    const { metadata, layerBlobs, scratchDir, lease, signal = new AbortController().signal } = parts;
    const { mounter, snapshotter } = this.#d;
    const scratch = new Scratch(scratchDir, mounter, snapshotter, true);
    const dependencies = { ...this.#d, layerBlobs };
    return squash(stage, mode, { dependencies, scratch, known: new SquashedLayers(metadata), lease, signal });
  }
}

interface SquashParts {
  readonly metadata: MetadataStore;
  readonly layerBlobs: LayerBlobs;
  readonly scratchDir: string;
  readonly lease: BuildLease;
  readonly signal: AbortSignal | undefined;
}

/** What is still mounted would be emptied with the folder: it is left to the next start. */
async function removeScratch(folder: string): Promise<void> {
  const mounted = await readdir(join(folder, 'mounts')).catch(() => []);
  if (mounted.length === 0) await rm(folder, { recursive: true, force: true });
}

function leaseOf(lease: BuildLease): Pick<BuildLease, 'addDigest' | 'addSnapshot'> {
  return { addDigest: (digest) => lease.addDigest(digest), addSnapshot: (name) => lease.addSnapshot(name) };
}
