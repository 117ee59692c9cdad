import { CHANGE_KINDS, expandInstruction, parseInstruction, type Instruction } from '../dockerfile/index.ts';
import { LadingError } from '../errors/index.ts';
import type { RunConfig } from '../oci/index.ts';
import { applyConfigInstruction } from '../builder/index.ts';

/**
 * Applies `--change` instructions of commit and import, each one Dockerfile instruction ("CMD [\"sh\"]"); variables see the environment so far.
 * @throws invalid_argument for what is no instruction, or one that does more than change the configuration
 */
export function applyChanges(config: RunConfig, changes: readonly string[]): RunConfig {
  let cmdSet = false;
  return changes.reduce((current, change) => {
    const instruction = parseChange(change, current);
    cmdSet ||= instruction.kind === 'cmd';
    return applyConfigInstruction(current, instruction, { cmdSet });
  }, config);
}

function parseChange(change: string, config: RunConfig): Instruction {
  const parsed = parseInstruction(change, { filename: '--change', allowed: CHANGE_KINDS });
  if (!CHANGE_KINDS.includes(parsed.kind))
    throw new LadingError('invalid_argument', `${parsed.kind.toUpperCase()} is not a valid change command`);
  const env = new Map(
    (config.Env ?? []).map(
      (entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const,
    ),
  );
  return expandInstruction(parsed, env, { escape: '\\' }).instruction;
}
