import { createHash } from 'node:crypto';
import { Transform, pipeline, type Readable } from 'node:stream';
import { digestAlgorithm, type Digest } from '../oci/index.ts';
import type { Expected } from './content-store.ts';
import { assertExpected } from './expected.ts';

/**
 * The same bytes, checked: fails with `data_loss` instead of ending when size or digest differ, and at the first byte past the size.
 * Takes over `source`: its errors come out here, and destroying the result destroys it.
 */
export function verifiedStream(source: Readable, expected: Expected, attempted = 'read blob'): Readable {
  const algorithm = expected.digest === undefined ? undefined : digestAlgorithm(expected.digest);
  const hash = algorithm && createHash(algorithm);
  let size = 0;
  const check = new Transform({
    readableHighWaterMark: 1 << 18,
    writableHighWaterMark: 1 << 18,
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (expected.size !== undefined && size > expected.size) return done(failure(undefined));
      hash?.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      done(failure(hash && (`${algorithm}:${hash.digest('hex')}` as Digest)));
    },
  });
  const failure = (digest: Digest | undefined): Error | null => {
    try {
      assertExpected(attempted, { digest, size }, expected);
      return null;
    } catch (error) {
      return error as Error;
    }
  };
  // pipeline's callback only has to exist: a failure of either side reaches the reader as the result's own error.
  return pipeline(source, check, () => undefined);
}
