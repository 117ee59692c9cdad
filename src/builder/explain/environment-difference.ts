import { envMap } from '../config/apply-config.ts';
import { appeared, type Difference } from './difference.ts';
import { isMasked } from './secrecy.ts';

/**
 * The first variable that differs. Values that looked secret are masked in both lists.
 * @param args names that are build arguments now; the others come from ENV
 */
export function environmentDifference(
  before: readonly string[],
  now: readonly string[],
  args: readonly string[],
  argsBefore: readonly string[],
): Difference | undefined {
  const [old, present] = [envMap(before), envMap(now)];
  for (const [name, value] of present)
    if (old.get(name) !== value) return variable(args.includes(name) ? 'ARG' : 'ENV', name, old.get(name), value);
  for (const [name, value] of old)
    if (!present.has(name)) return variable(argsBefore.includes(name) ? 'ARG' : 'ENV', name, value, undefined);
  if (before.join('\0') === now.join('\0')) return undefined;
  return { cause: 'env', message: 'the order of the environment variables changed' };
}

function variable(
  instruction: 'ARG' | 'ENV',
  name: string,
  before: string | undefined,
  now: string | undefined,
): Difference {
  const cause = instruction.toLowerCase();
  if (![before, now].some((value) => value !== undefined && isMasked(value)))
    return appeared(cause, `${instruction} ${name}`, before, now, name);
  const what = before === undefined ? 'was added' : now === undefined ? 'was removed' : 'changed';
  return { cause, subject: name, message: `${instruction} ${name} ${what} (its value is not shown)` };
}
