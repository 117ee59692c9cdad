import { LadingError } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Expected } from './content-store.ts';

/** @throws data_loss naming both sizes or digests */
export function assertExpected(
  attempted: string,
  found: { readonly digest?: Digest | undefined; readonly size: number },
  expected: Expected,
): void {
  if (expected.size !== undefined && found.size !== expected.size) {
    const size = found.size > expected.size ? `more than ${expected.size}` : String(found.size);
    throw new LadingError('data_loss', `${attempted}: got ${size} bytes, expected ${expected.size}`);
  }
  if (expected.digest !== undefined && found.digest !== expected.digest)
    throw new LadingError('data_loss', `${attempted}: got digest "${found.digest}", expected "${expected.digest}"`);
}
