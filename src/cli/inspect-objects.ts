import { isLadingError } from '../errors/index.ts';
import type { Context } from './command.ts';
import { describeError } from './describe-error.ts';
import { EXIT_FAILURE } from './usage-error.ts';

type Lookup = (name: string) => Promise<unknown>;

/** Prints objects as a JSON array, or each through a template; missing ones are told on stderr and make the status 1. */
export async function inspectObjects(
  context: Context,
  names: readonly string[],
  lookup: Lookup,
  format: string | undefined,
): Promise<number> {
  const found: unknown[] = [];
  const problems: unknown[] = [];
  for (const result of await Promise.allSettled(names.map(lookup))) {
    if (result.status === 'fulfilled') found.push(result.value);
    else problems.push(result.reason);
  }
  context.stdout.write(await render(found, format));
  for (const problem of problems) context.stderr.write(`${describeError(problem)}\n`);
  return problems.length === 0 ? 0 : EXIT_FAILURE;
}

async function render(objects: readonly unknown[], format: string | undefined): Promise<string> {
  if (format === undefined || format === '') return `${JSON.stringify(objects, undefined, 4)}\n`;
  if (format === 'json') return objects.map((object) => `${JSON.stringify(object)}\n`).join('');
  const { compileTemplate } = await import('./format/template/index.ts');
  const template = compileTemplate(format);
  return objects.map((object) => `${template(object)}\n`).join('');
}

/** The first lookup that knows the name. */
export function firstOf(lookups: readonly Lookup[], notFound: (name: string) => Error): Lookup {
  return async (name) => {
    for (const lookup of lookups) {
      try {
        return await lookup(name);
      } catch (error) {
        if (!isLadingError(error, 'not_found', 'invalid_argument')) throw error;
      }
    }
    throw notFound(name);
  };
}
