import { type CommandResult, runCommand } from '../../base/index.ts';
import { LadingError, isLadingError } from '../../errors/index.ts';

const TIMEOUT_MS = 20_000;

/**
 * Carries out an nft script as one transaction.
 * @throws unavailable when nft is missing, permission_denied, internal with nft's own words
 */
export async function runNftScript(script: string): Promise<void> {
  const result = await runNft(['-f', '-'], script);
  if (result.status === 0) return;
  const said = result.stderr.trim().split('\n')[0] ?? '';
  const denied = /Operation not permitted/.test(said);
  throw new LadingError(denied ? 'permission_denied' : 'internal', `change firewall rules: nft: ${said}`, {
    hint: denied ? 'run the daemon as root' : 'see whether the kernel has nf_tables with NAT: nft list ruleset',
  });
}

/** @throws unavailable when nft is missing */
export async function runNft(args: readonly string[], input = ''): Promise<CommandResult> {
  try {
    return await runCommand('nft', args, { input, timeoutMs: TIMEOUT_MS });
  } catch (error) {
    if (!isLadingError(error, 'unavailable')) throw error;
    throw new LadingError('unavailable', 'change firewall rules: program "nft" not found', {
      cause: error,
      hint: 'install the package nftables',
    });
  }
}
