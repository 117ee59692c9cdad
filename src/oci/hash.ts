import { createHash } from 'node:crypto';
import { chainIdOf } from './chain-id.ts';
import type { ChainID, Digest, DiffID } from './digest.ts';

/** sha256 digest of bytes held in memory. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

/** ChainIDs of every prefix of a layer stack, bottom first: result[i] covers diffIds[0..i]. */
export function chainIdsOf(diffIds: readonly DiffID[]): ChainID[] {
  const chain: ChainID[] = [];
  for (const diffId of diffIds) chain.push(chainIdOf(chain.at(-1), diffId));
  return chain;
}
