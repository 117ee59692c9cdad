import { expandInstruction } from './instructions/expand-instruction.ts';
import type { Dockerfile } from './parse-dockerfile.ts';

/**
 * What FROM sees, and a stage that declares an argument without a default: the predefined arguments and the ARGs before the
 * first FROM, with the given values in place of defaults.
 * @throws DockerfileError
 */
export function evaluateGlobalArgs(
  dockerfile: Dockerfile,
  predefined: ReadonlyMap<string, string>,
  given: ReadonlyMap<string, string>,
): Map<string, string> {
  const args = new Map(predefined);
  const options = { escape: dockerfile.escape, file: dockerfile, overrides: given };
  for (const instruction of dockerfile.globalArgs)
    for (const arg of expandInstruction(instruction, args, options).instruction.args)
      if (arg.default !== undefined) args.set(arg.key, arg.default);
  return args;
}
