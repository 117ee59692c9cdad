import type { Context } from './command.ts';
import { describeError } from './describe-error.ts';
import { EXIT_FAILURE } from './usage-error.ts';

/** Does something for every name, in parallel; prints each name that worked and the error of each that did not. */
export async function forEachName(
  context: Context,
  names: readonly string[],
  action: (name: string) => Promise<string | void>,
): Promise<number> {
  const results = await Promise.allSettled(names.map(action));
  let status = 0;
  for (const [at, result] of results.entries()) {
    if (result.status === 'fulfilled') context.stdout.write(`${result.value ?? names[at]}\n`);
    else {
      context.stderr.write(`${describeError(result.reason)}\n`);
      status = EXIT_FAILURE;
    }
  }
  return status;
}
