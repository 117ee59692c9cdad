import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { verifiedStream } from '../../content/index.ts';
import { LadingError } from '../../errors/index.ts';
import {
  MAX_DOCUMENT_BYTES,
  digestAlgorithm,
  familiarRepository,
  type Descriptor,
  type Digest,
  type Reference,
} from '../../oci/index.ts';
import { repositoryScope, type Connection } from '../connection.ts';
import type { Endpoint } from '../endpoint.ts';
import { chunksOf, readBounded } from '../http/bounded-body.ts';
import { TransportFailure } from '../http/transport-failure.ts';
import type { TransportResponse } from '../http/transport.ts';
import type { CallOptions } from '../session.ts';

/** `v2/<repository>/blobs/<digest>`. */
export function blobPath(reference: Reference, digest: Digest): string {
  return `v2/${reference.path}/blobs/${digest}`;
}

export function fetchAttempt(reference: Reference, descriptor: Descriptor): string {
  return `fetch blob ${descriptor.digest} of ${familiarRepository(reference)}`;
}

export interface OpenedBlob {
  readonly response: TransportResponse;
  /** Bytes at the beginning of the body to throw away, since the registry ignored the range. */
  readonly skip: number;
}

/** Asks for a blob from byte `start` on. @throws data_loss when the registry announces another size */
export async function requestBlob(
  connection: Connection,
  endpoint: Endpoint,
  blob: { readonly reference: Reference; readonly descriptor: Descriptor; readonly start: number },
  call: CallOptions,
): Promise<OpenedBlob> {
  const { reference, descriptor, start } = blob;
  const { session } = connection;
  const response = await session.expect(
    {
      endpoint,
      method: 'GET',
      target: blobPath(reference, descriptor.digest),
      scopes: [repositoryScope(reference.path, 'pull')],
      headers: start > 0 ? { range: `bytes=${start}-` } : {},
    },
    call,
    start > 0 ? [200, 206] : [200],
    fetchAttempt(reference, descriptor),
  );
  const skip = response.status === 206 ? 0 : start;
  try {
    checkRange(response, blob);
    checkLength(response, blob, descriptor.size - (start - skip));
  } catch (error) {
    response.body.destroy();
    throw error;
  }
  return { response, skip };
}

type Blob = Parameters<typeof requestBlob>[2];

function checkRange({ status, headers }: TransportResponse, { reference, descriptor, start }: Blob): void {
  if (status !== 206) return;
  const range = headers['content-range'] ?? '';
  const first = /^bytes ([0-9]+)-/.exec(range)?.[1];
  if (first !== String(start))
    throw new LadingError(
      'data_loss',
      `${fetchAttempt(reference, descriptor)}: asked for bytes from ${start}, got "${range.slice(0, 100)}"`,
    );
}

function checkLength({ headers }: TransportResponse, { reference, descriptor }: Blob, expected: number): void {
  const length = headers['content-length'];
  if (length !== undefined && Number(length) !== expected)
    throw new LadingError(
      'data_loss',
      `${fetchAttempt(reference, descriptor)}: the registry announces ${length.slice(0, 20)} bytes, expected ${expected}`,
    );
}

/** A body that ended before its time; asking again from there may help. */
export function truncatedError(reference: Reference, descriptor: Descriptor, received: number): LadingError {
  const what = `the body ended after ${received} of ${descriptor.size} bytes`;
  return new LadingError('unavailable', `${fetchAttempt(reference, descriptor)}: ${what}`, {
    cause: new TransportFailure(what, 'exchange'),
  });
}

/** A blob as a stream that fails before its end when size or digest differ. One attempt; the receiver destroys it. */
export async function openBlob(
  connection: Connection,
  reference: Reference,
  descriptor: Descriptor,
  options: CallOptions & { readonly offset?: number },
): Promise<Readable> {
  const { offset: start = 0, signal } = options;
  return connection.read(reference, options, async (endpoint) => {
    const { response, skip } = await requestBlob(connection, endpoint, { reference, descriptor, start }, options);
    const chunks = chunksOf(response.body, connection.session.limitsOf(response, signal));
    const source = Readable.from(skip === 0 ? chunks : without(chunks, skip), { objectMode: false });
    const expected = start === 0 ? { digest: descriptor.digest } : {};
    return verifiedStream(source, { ...expected, size: descriptor.size - start }, fetchAttempt(reference, descriptor));
  });
}

async function* without(chunks: AsyncIterable<Buffer>, skip: number): AsyncGenerator<Buffer> {
  let left = skip;
  for await (const chunk of chunks) {
    if (chunk.length > left) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

/** A whole small blob such as a config, verified. @throws invalid_argument when it is larger than 4 MiB */
export async function fetchSmallBlob(
  connection: Connection,
  reference: Reference,
  descriptor: Descriptor,
  call: CallOptions,
): Promise<Buffer> {
  const attempted = fetchAttempt(reference, descriptor);
  if (descriptor.size > MAX_DOCUMENT_BYTES)
    throw new LadingError(
      'invalid_argument',
      `${attempted}: ${descriptor.size} bytes, more than ${MAX_DOCUMENT_BYTES}`,
    );
  return connection.read(reference, call, async (endpoint) => {
    const { response } = await requestBlob(connection, endpoint, { reference, descriptor, start: 0 }, call);
    const limits = { ...connection.session.limitsOf(response, call.signal), maxBytes: descriptor.size };
    const bytes = await readBounded(response.body, limits);
    if (bytes.length < descriptor.size) throw truncatedError(reference, descriptor, bytes.length);
    const algorithm = digestAlgorithm(descriptor.digest);
    const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
    if (digest !== descriptor.digest)
      throw new LadingError('data_loss', `${attempted}: got digest "${digest}", expected "${descriptor.digest}"`);
    return bytes;
  });
}
