import { LadingError } from '../../errors/index.ts';
import type { Handler } from '../http/call.ts';

/** A route that exists to say plainly that it is not served. */
export function unsupported(what: string, hint?: string): Handler {
  return () => {
    const options = hint === undefined ? {} : { hint };
    return Promise.reject(new LadingError('not_implemented', `${what} is not supported by lading`, options));
  };
}
