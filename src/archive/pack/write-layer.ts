import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { toLadingError } from '../../errors/index.ts';
import type { DiffID } from '../../oci/index.ts';
import { futimesBoth, O } from '../../sys/index.ts';
import { fsPath } from '../byte-text.ts';
import { LayerTimes, type TimesFound, type TimesOptions } from './layer-times.ts';
import { TreePacker } from './tree-packer.ts';

export interface WriteLayerJob extends TimesOptions {
  readonly upperDir: string;
  readonly targetPath: string;
}

export interface WriteLayerResult {
  readonly diffId: DiffID;
  /** Bytes of the tar. */
  readonly size: number;
  /** Of the folder on disk, itself included: allocated bytes, and inodes with hard links once. */
  readonly usage: { readonly sizeBytes: number; readonly inodes: number };
  readonly times: TimesFound;
}

/** writeLayerFromUpper in this thread; its loop is busy meanwhile. Does not sync the file. */
export async function writeLayerHere(job: WriteLayerJob, checkStop: () => void): Promise<WriteLayerResult> {
  const times = new LayerTimes(job);
  let [upper, target] = [-1, -1];
  try {
    upper = openSync(fsPath(job.upperDir), O.RDONLY | O.DIRECTORY | O.CLOEXEC);
    target = openSync(fsPath(job.targetPath), 'w', 0o600);
    const packer = new TreePacker({ overlay: true, reuseBuffer: true, times });
    if (job.epoch !== undefined) futimesBoth(upper, { sec: job.epoch, nsec: 0 });
    const hash = createHash('sha256');
    let size = 0;
    for (const chunk of packer.folder(upper)) {
      checkStop();
      hash.update(chunk);
      for (let at = 0; at < chunk.length;) at += writeSync(target, chunk, at);
      size += chunk.length;
    }
    const { sizeBytes, inodes } = packer.usage;
    const usage = { sizeBytes: sizeBytes + fstatSync(upper).blocks * 512, inodes: inodes + 1 };
    return { diffId: `sha256:${hash.digest('hex')}` as DiffID, size, usage, times: times.found };
  } catch (error) {
    throw toLadingError(error, 'write layer');
  } finally {
    for (const fd of [upper, target]) if (fd >= 0) closeSync(fd);
  }
}
