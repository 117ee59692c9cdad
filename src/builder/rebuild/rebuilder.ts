import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { CallOptions } from '../../distribution/index.ts';
import { LadingError, isLadingError } from '../../errors/index.ts';
import { LayerBlobs, type Image, type Referrers } from '../../image/index.ts';
import { MemoryMetadataStore, type MetadataStore } from '../../metadata/index.ts';
import {
  familiarRepository,
  formatReference,
  parseJson,
  parseReference,
  type Digest,
  type DiffID,
  type ImageConfig,
  type Reference,
} from '../../oci/index.ts';
import type { BuildMemory } from '../attest/attestor.ts';
import { fetchStatements } from '../attest/fetch-attestations.ts';
import { PROVENANCE, readStatements, type Statement } from '../attest/statement.ts';
import { Builder, type BuildOptions } from '../builder.ts';
import { BuildCache } from '../cache/build-cache.ts';
import type { BuiltPlatform } from '../export/exporting.ts';
import { credentialsFor } from '../registry-credentials.ts';
import { squash, type SquashMode } from '../export/squash.ts';
import { SquashedLayers } from '../export/squashed-layers.ts';
import { writeConfig } from '../export/image-config.ts';
import type { BuildLease, BuilderDependencies } from '../types.ts';
import { compareConfigs } from './compare-configs.ts';
import { compareLayers, type FileDifference } from './compare-layers.ts';
import { REBUILDS, Scratch } from '../scratch.ts';
import { pinnedBases } from './pinned-bases.ts';
import { replayOf, type RebuildRequest } from './replay-request.ts';

/** What a rebuild gave. */
export interface RebuildVerdict {
  /** All that was compared is the same. */
  readonly identical: boolean;
  readonly imageId: string;
  /** Config digest of the rebuilt image. */
  readonly rebuiltId: string;
  /** The image was built with SOURCE_DATE_EPOCH: without it, times come from the clock. */
  readonly dated: boolean;
  /** Times were not compared. */
  readonly ignoredTimes: boolean;
  /** The first file that differs, with the layer it is in (from 1) and what brought that layer. */
  readonly file?: FileDifference & LayerPlace;
  /** The first member of the config that differs, when no file does. */
  readonly config?: { readonly field: string; readonly before: string; readonly after: string };
}

export interface LayerPlace {
  readonly layer: number;
  readonly layers: number;
  readonly instruction: string;
  /** In the Dockerfile; absent for a layer of the base image. */
  readonly line?: number;
}

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
    const { record, index } = images.resolve(ref);
    const image = await images.open(record);
    await using lease = this.#d.lease();
    await lease.addDigest(image.id);
    for (const { blob } of image.layers) await lease.addDigest(blob.digest);
    const inIndex = index?.images.find(({ id }) => id === record.id)?.manifest.digest;
    const subjects = [image.manifest.digest, ...(inIndex === undefined ? [] : [inIndex])];
    const told = (await this.#stored(subjects)) ?? (await this.#fetched(image, request, options.signal));
    if (!told)
      throw new LadingError('not_found', `rebuild "${ref}": the image has no provenance`, {
        hint: 'build it with lading, and without --provenance=false',
      });
    const replay = replayOf(told.predicate, image.config, told.memory, request);
    return await this.#replay(image, replay, { ...options, lease, ignoreTimes: request.ignoreTimes === true });
  }

  async #stored(subjects: readonly Digest[]): Promise<Told | undefined> {
    const { referrers, content } = this.#d;
    for (const referrer of subjects.flatMap((subject) => referrers.of(subject)).toReversed())
      for (const { predicateType, predicate } of await readStatements(content, referrer))
        if (predicateType === PROVENANCE) return { predicate, memory: referrer.local as BuildMemory | undefined };
    return undefined;
  }

  /** Of an image that was pulled: from where it was pulled. */
  async #fetched(
    { id, manifest }: Image,
    { credentials = {} }: RebuildRequest,
    signal: AbortSignal | undefined,
  ): Promise<Told | undefined> {
    const names = (this.#d.images.namesByImage().get(id) ?? []).map(({ name }) => parseReference(name));
    for (const name of names.filter(({ digest }) => digest !== undefined)) {
      const auth = credentialsFor(formatReference(name), credentials);
      const call = { ...(auth ? { auth } : {}), ...(signal ? { signal } : {}) };
      const found = await this.#statementsAt(name, manifest.digest, call);
      const last = found.at(-1);
      if (last) return { predicate: last.predicate, memory: undefined };
    }
    return undefined;
  }

  async #statementsAt(name: Reference, subject: Digest, call: CallOptions): Promise<Statement[]> {
    try {
      return await fetchStatements(this.#d.registries, name, subject, PROVENANCE, call);
    } catch (error) {
      if (!isLadingError(error)) throw error;
      const { code, message, hint } = error;
      const attempted = `rebuild: fetch the provenance of ${familiarRepository(name)}: ${message}`;
      throw new LadingError(code, attempted, { cause: error, ...(hint === undefined ? {} : { hint }) });
    }
  }

  async #replay(
    image: Image,
    { request, pins }: ReturnType<typeof replayOf>,
    { lease, ignoreTimes, ...options }: BuildOptions & { readonly lease: BuildLease; readonly ignoreTimes: boolean },
  ): Promise<RebuildVerdict> {
    using metadata = new MemoryMetadataStore();
    const scratchDir = join(this.#d.scratchDir, REBUILDS, randomBytes(8).toString('hex'));
    const layerBlobs = new LayerBlobs(this.#d.content, metadata);
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
      verdict = await this.#compare(image, { ...built, stage }, { cache, lease, ignoreTimes, labels, signal });
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

  async #compare(
    image: Image,
    built: BuiltPlatform,
    { ignoreTimes, cache, lease, labels, signal }: Comparison,
  ): Promise<RebuildVerdict> {
    const { content } = this.#d;
    const config = await writeConfig(built.stage, {
      content,
      cache,
      lease,
      labels,
      epoch: built.epoch,
      inlineCache: undefined,
    });
    const after = parseJson(await content.read(config.digest), 'image config') as ImageConfig;
    const before = parseJson(await content.read(image.id), 'image config') as ImageConfig;
    const verdict = {
      imageId: image.id,
      rebuiltId: config.digest,
      dated: built.epoch !== undefined,
      ignoredTimes: ignoreTimes,
    };
    const file = await this.#firstFile(image, built, { before, after, ignoreTimes, signal });
    if (file) return { ...verdict, identical: false, file };
    const found = compareConfigs(withoutLayers(before), withoutLayers(after));
    const member = found.other ?? (ignoreTimes ? undefined : found.time);
    return { ...verdict, identical: member === undefined, ...(member ? { config: member } : {}) };
  }

  /** A difference in more than time wins over one in time alone, wherever it is. */
  async #firstFile(
    image: Image,
    built: BuiltPlatform,
    { before, after, ignoreTimes, signal }: Pick<Comparison, 'ignoreTimes' | 'signal'> & BeforeAfter,
  ): Promise<RebuildVerdict['file']> {
    const { content } = this.#d;
    let time: RebuildVerdict['file'];
    for (const pair of pairsOf(before, after)) {
      if (pair.before === pair.after) continue;
      const open = async (diffId: DiffID | undefined, layers: Image['layers'] | BuiltPlatform['stage']['layers']) => {
        const layer = layers.find((one) => one.diffId === diffId);
        return layer ? content.open(layer.blob.digest) : emptyLayer();
      };
      const [left, right] = [await open(pair.before, image.layers), await open(pair.after, built.stage.layers)];
      const found = await compareLayers(left, right, signal ? { signal } : {});
      if (!found || (ignoreTimes && found.aspect === 'time')) continue;
      const file = { ...found, ...placeOf(pair, before, after, built) };
      if (found.aspect !== 'time') return file;
      time ??= file;
    }
    return time;
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

/** A build as provenance tells it. */
interface Told {
  readonly predicate: unknown;
  readonly memory: BuildMemory | undefined;
}

interface Comparison {
  readonly ignoreTimes: boolean;
  readonly cache: BuildCache;
  readonly lease: BuildLease;
  readonly labels: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

interface BeforeAfter {
  readonly before: ImageConfig;
  readonly after: ImageConfig;
}

interface LayerPair {
  /** Number of the entry in the history. */
  readonly entry: number;
  readonly before: DiffID | undefined;
  readonly after: DiffID | undefined;
}

/** Layers by the instruction that made them: one of the two may have made none. */
function pairsOf(before: ImageConfig, after: ImageConfig): LayerPair[] {
  const [left, right] = [layersByEntry(before), layersByEntry(after)];
  return Array.from({ length: Math.max(left.length, right.length) }, (_, entry) => ({
    entry,
    before: left[entry],
    after: right[entry],
  }));
}

function layersByEntry({ history, rootfs }: ImageConfig): (DiffID | undefined)[] {
  let next = 0;
  const layers = (history ?? []).map(({ empty_layer: empty }) => (empty ? undefined : rootfs.diff_ids[next++]));
  return [...layers, ...rootfs.diff_ids.slice(next)];
}

function placeOf(
  { entry, before: own }: LayerPair,
  before: ImageConfig,
  after: ImageConfig,
  built: BuiltPlatform,
): LayerPlace {
  const origin = built.stage.history[entry]?.origin;
  const made = before.history?.[entry];
  const diffIds = own === undefined ? after.rootfs.diff_ids : before.rootfs.diff_ids;
  const upTo = layersByEntry(own === undefined ? after : before).slice(0, entry + 1);
  return {
    layer: upTo.filter((layer) => layer !== undefined).length,
    layers: diffIds.length,
    instruction: origin?.text ?? made?.created_by ?? made?.comment ?? '',
    ...(origin ? { line: origin.line } : {}),
  };
}

function withoutLayers({ rootfs: _rootfs, ...config }: ImageConfig): object {
  return config;
}

function leaseOf(lease: BuildLease): Pick<BuildLease, 'addDigest' | 'addSnapshot'> {
  return { addDigest: (digest) => lease.addDigest(digest), addSnapshot: (name) => lease.addSnapshot(name) };
}

/** A tar without entries. */
function emptyLayer(): Readable {
  return Readable.from([Buffer.alloc(1024)]);
}
