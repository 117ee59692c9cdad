import { compressLayerHere, type CompressJob, type CompressResult } from '../compression/compress-here.ts';
import { applyLayerHere, type ApplyJob, type ApplyResult } from '../extract/apply-layer.ts';
import { mergeLayersHere, type MergeLayersJob } from '../pack/merge-layers.ts';
import { writeLayerHere, type WriteLayerJob, type WriteLayerResult } from '../pack/write-layer.ts';

/** What archive workers can be asked to do; arguments and results are plain data. */
export interface ArchiveJobs {
  readonly apply: { readonly job: ApplyJob; readonly result: ApplyResult };
  readonly writeLayer: { readonly job: WriteLayerJob; readonly result: WriteLayerResult };
  readonly mergeLayers: { readonly job: MergeLayersJob; readonly result: null };
  readonly compress: { readonly job: CompressJob; readonly result: CompressResult };
}

export type JobKind = keyof ArchiveJobs;

/** Runs in the worker. `checkStop` throws once the job was cancelled. */
export const JOBS: {
  readonly [K in JobKind]: (job: ArchiveJobs[K]['job'], checkStop: () => void) => Promise<ArchiveJobs[K]['result']>;
} = {
  apply: applyLayerHere,
  writeLayer: writeLayerHere,
  mergeLayers: mergeLayersHere,
  compress: compressLayerHere,
};
