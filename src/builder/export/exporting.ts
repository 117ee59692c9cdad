import type { Referrer, Referrers } from '../../image/index.ts';
import { hostPlatform, platformMatches, type Descriptor, type Platform, type Reference } from '../../oci/index.ts';
import type { BuildCache } from '../cache/build-cache.ts';
import type { Material } from '../materials.ts';
import type { Progress, StepProgress } from '../progress.ts';
import type { TravellingSelection } from '../remote-cache/cache-document.ts';
import type { Scratch } from '../scratch.ts';
import type { Attestor } from '../attest/attestor.ts';
import type { BuildSource } from '../attest/provenance.ts';
import type { StageResult, StepOrigin } from '../stage-result.ts';
import type { BuildEvent, BuildLease, BuildRequest, BuilderDependencies } from '../types.ts';
import type { ExportStreams } from './export-streams.ts';
import type { ConfiguredPlatform, ImageDocuments } from './image-documents.ts';
import type { ImageForm } from './output-options.ts';
import type { SquashedLayers } from './squashed-layers.ts';

/** What one platform of a build made. */
export interface BuiltPlatform {
  readonly platform: Platform;
  readonly stage: StageResult;
  /** SOURCE_DATE_EPOCH as RFC 3339: the time of everything this build adds. */
  readonly epoch: string | undefined;
  readonly materials: readonly Material[];
  /** Keys of the cache records of all its steps. */
  readonly steps: readonly string[];
  /** Instructions by those keys. */
  readonly origins: ReadonlyMap<string, StepOrigin>;
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
  readonly referrers: Referrers;
  readonly source: BuildSource;
  readonly lease: BuildLease;
  readonly progress: Progress;
  readonly scratch: Scratch;
  readonly streams: ExportStreams;
  readonly squashed: SquashedLayers;
  readonly onEvent: (event: BuildEvent) => void;
  readonly signal: AbortSignal;
}

/** An export on its way: what all outputs share. */
export interface Exporting extends ExportContext {
  readonly built: readonly BuiltPlatform[];
  readonly platforms: readonly ConfiguredPlatform[];
  readonly attestor: Attestor;
  /** Whether there is to be an index. */
  readonly withIndex: boolean;
  /** The image's documents in a form; equal forms are written once. */
  documents(form: ImageForm): Promise<ImageDocuments>;
}

/** What one output gives back. */
export interface Exported {
  readonly target: Descriptor;
  readonly names: readonly Reference[];
  /** It has the names in the image store, or in a registry. */
  readonly tagged: boolean;
}

/** Runs an output's work as a step that people see. */
export async function asStep<T>(
  progress: Progress,
  name: string,
  work: (step: StepProgress) => Promise<T>,
): Promise<T> {
  const step = progress.extra(name, 'export');
  try {
    const result = await work(step);
    step.end('done');
    return result;
  } catch (error) {
    step.end('failed');
    throw error;
  }
}

/** The attestations of each manifest of a form, made where they are missing. None in the form of an index, which has them in itself. */
export async function attached(
  { manifests }: ImageDocuments,
  { attestor, built }: Exporting,
): Promise<readonly (readonly Referrer[])[]> {
  if (attestor.inIndex) return manifests.map(() => []);
  const all: (readonly Referrer[])[] = [];
  for (const [i, { manifest }] of manifests.entries()) all.push(await attestor.attach(built[i]!, manifest));
  return all;
}

/** The host's image among several, else the first: what a name means here. */
export function primaryOf<T extends { readonly platform: Platform }>(all: readonly T[]): T {
  return all.find(({ platform }) => platformMatches(hostPlatform(), platform)) ?? all[0]!;
}
