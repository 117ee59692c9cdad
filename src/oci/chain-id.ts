import { createHash } from 'node:crypto';
import type { ChainID, DiffID } from './digest.ts';

/** ChainID of one layer on top of a parent stack (image-spec config.md, "Layer ChainID"). */
export function chainIdOf(parent: ChainID | undefined, diffId: DiffID): ChainID {
  if (parent === undefined) return diffId as string as ChainID;
  return `sha256:${createHash('sha256').update(`${parent} ${diffId}`).digest('hex')}` as ChainID;
}
