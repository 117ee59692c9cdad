import type { CacheMountQuery } from '../../../client/index.ts';
import type { Invocation } from '../../command.ts';
import { UsageError } from '../../usage-error.ts';

/** IDs, or `--all`; one of both is wanted. @throws {UsageError} */
export function mountQuery({ args, flags }: Pick<Invocation, 'args' | 'flags'>): CacheMountQuery {
  const all = flags.bool('all');
  if (all === args.length > 0)
    throw new UsageError(all ? '--all takes no IDs' : 'name cache mounts (see lading cache mount ls), or give --all');
  return all ? { all } : { id: args };
}
