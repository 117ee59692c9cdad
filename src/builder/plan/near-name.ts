import { nearest } from '../../dockerfile/index.ts';
import { LadingError, toLadingError, type ErrorCode } from '../../errors/index.ts';

/** What registries and the way to them answer for a name that nobody has. */
const UNKNOWN: readonly ErrorCode[] = ['not_found', 'unauthenticated', 'permission_denied', 'unavailable'];
const COMMON = ['alpine', 'busybox', 'debian', 'fedora', 'golang', 'node', 'python', 'ubuntu'];

/** An image that cannot be had may be a stage, or a well-known image, whose name was mistyped. */
export function withNearName(
  thrown: unknown,
  reference: string,
  stages: readonly { readonly name?: string }[],
): unknown {
  const error = toLadingError(thrown, `image ${reference}`);
  if (!UNKNOWN.includes(error.code)) return thrown;
  const near = nearest(reference, [...stages.flatMap(({ name }) => name ?? []), ...COMMON]);
  if (near === undefined) return thrown;
  return new LadingError(error.code, `${reference}: ${error.message} (did you mean ${near}?)`, {
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
