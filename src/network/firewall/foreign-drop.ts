import { runNft } from './nft.ts';

interface ListedChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

/**
 * Chains of other firewalls that drop forwarded packets by default ("ip filter FORWARD", as dockerd sets it): our accept does not overrule
 * them, so containers would have no way out. Empty when nft cannot tell.
 */
export async function findForeignDropChains(ownTable: string): Promise<string[]> {
  const { status, stdout } = await runNft(['-j', 'list', 'chains']);
  return status === 0 ? dropChainsIn(stdout, ownTable) : [];
}

/** Reads nft's JSON list of chains. */
export function dropChainsIn(json: string, ownTable: string): string[] {
  const listed = (JSON.parse(json) as { nftables?: { chain?: ListedChain }[] }).nftables ?? [];
  return listed
    .flatMap(({ chain }) => (chain ? [chain] : []))
    .filter((chain) => chain.hook === 'forward' && chain.policy === 'drop' && chain.table !== ownTable)
    .filter((chain) => chain.family === 'ip' || chain.family === 'inet')
    .map((chain) => `${chain.family} ${chain.table} ${chain.name}`);
}
