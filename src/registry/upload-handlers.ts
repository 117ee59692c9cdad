import { LadingError } from '../errors/index.ts';
import { isDigest } from '../oci/index.ts';
import { answer, digestIn, type Backend, type Exchange } from './exchange.ts';
import { checkName } from './repositories.ts';
import { SpecError } from './spec-error.ts';
import { rangeOf } from './uploads.ts';

/** POST: begins an upload, mounts a blob of another repository, or takes a whole blob at once (end-4a, 4b, 11). */
export async function beginUpload(backend: Backend, exchange: Exchange): Promise<void> {
  const { name, query } = exchange;
  const [mount, from] = [query.get('mount'), query.get('from')];
  // A mount that is not possible becomes an ordinary upload.
  if (mount !== null && from !== null && (await mountBlob(backend, name, digestIn(mount), from)))
    return blobCreated(exchange, mount);
  const wanted = query.get('digest');
  const digest = wanted === null ? undefined : digestIn(wanted);
  const id = await backend.uploads.begin(name);
  if (digest === undefined) return uploadAccepted(exchange, id, 0);
  await finish(backend, exchange, id, digest);
}

async function mountBlob(backend: Backend, name: string, digest: string, from: string): Promise<boolean> {
  const { repositories, store } = backend;
  if (!isDigest(digest) || !(await repositories.hasBlob(checkName(from), digest))) return false;
  if ((await store.info(digest)) === undefined) return false;
  await repositories.addBlob(name, digest);
  return true;
}

/** PATCH: the next chunk, or with neither range nor length a stream (end-5). */
export async function appendUpload(backend: Backend, exchange: Exchange): Promise<void> {
  const { name, reference: id, request } = exchange;
  const start = chunkStart(request.headers['content-range'], request.headers['content-length']);
  const offset = await backend.uploads.append(name, id, request, start);
  assertComplete(exchange);
  uploadAccepted(exchange, id, offset);
}

/** PUT: the last chunk, if any, and the digest of all (end-6). */
export async function finishUpload(backend: Backend, exchange: Exchange): Promise<void> {
  const { query, reference: id } = exchange;
  await finish(backend, exchange, id, digestIn(query.get('digest')));
}

async function finish(
  backend: Backend,
  exchange: Exchange,
  id: string,
  digest: ReturnType<typeof digestIn>,
): Promise<void> {
  const { name, request } = exchange;
  const start = chunkStart(request.headers['content-range'], request.headers['content-length']);
  await backend.uploads.append(name, id, request, start);
  assertComplete(exchange);
  await backend.uploads.finish(name, id, digest);
  await backend.repositories.addBlob(name, digest);
  blobCreated(exchange, digest);
}

/** GET: where the upload stands (end-13). */
export async function uploadStatus(backend: Backend, exchange: Exchange): Promise<void> {
  const { name, reference: id } = exchange;
  const offset = await backend.uploads.offset(name, id);
  answer(exchange, 204, { location: uploadLocation(name, id), range: rangeOf(offset), 'docker-upload-uuid': id });
}

/** DELETE: forgets the upload. */
export async function cancelUpload(backend: Backend, exchange: Exchange): Promise<void> {
  await backend.uploads.cancel(exchange.name, exchange.reference);
  answer(exchange, 204);
}

/** First byte of a chunk. @throws RANGE_INVALID or SIZE_INVALID when range and length do not agree */
function chunkStart(range: string | undefined, length: string | undefined): number | undefined {
  if (range === undefined) return undefined;
  const match = /^(?:bytes[ =])?([0-9]{1,15})-([0-9]{1,15})(?:\/.*)?$/.exec(range);
  if (!match) throw new SpecError('RANGE_INVALID', 'invalid Content-Range', { detail: { range: range.slice(0, 100) } });
  const [start, end] = [Number(match[1]), Number(match[2])];
  if (length !== undefined && Number(length) !== end - start + 1)
    throw new SpecError('SIZE_INVALID', 'Content-Length does not agree with Content-Range');
  return start;
}

/** A body cut short is kept for a resume but is no success. */
function assertComplete({ request }: Exchange): void {
  if (!request.complete) throw new LadingError('cancelled', 'receive blob: the client has gone');
}

function uploadAccepted(exchange: Exchange, id: string, offset: number): void {
  const location = uploadLocation(exchange.name, id);
  answer(exchange, 202, { location, range: rangeOf(offset), 'docker-upload-uuid': id });
}

function uploadLocation(name: string, id: string): string {
  return `/v2/${name}/blobs/uploads/${id}`;
}

function blobCreated(exchange: Exchange, digest: string): void {
  answer(exchange, 201, { location: `/v2/${exchange.name}/blobs/${digest}`, 'docker-content-digest': digest });
}
