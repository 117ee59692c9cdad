import { pipeline } from 'node:stream/promises';
import { answer, digestIn, type Backend, type Exchange } from './exchange.ts';
import { SpecError } from './spec-error.ts';

/** GET and HEAD of a blob, whole or a range (end-2). */
export async function readBlob(backend: Backend, exchange: Exchange): Promise<void> {
  const { request, response, name, reference } = exchange;
  const digest = digestIn(reference);
  const info = (await backend.repositories.hasBlob(name, digest)) ? await backend.store.info(digest) : undefined;
  if (info === undefined) throw new SpecError('BLOB_UNKNOWN', 'blob unknown to registry', { detail: { digest } });
  const range = request.method === 'GET' ? rangeIn(request.headers.range, info.size) : undefined;
  const { start, end } = range ?? { start: 0, end: info.size - 1 };
  response.writeHead(range ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': end - start + 1,
    'docker-content-digest': digest,
    'accept-ranges': 'bytes',
    etag: `"${digest}"`,
    ...(range ? { 'content-range': `bytes ${start}-${end}/${info.size}` } : {}),
  });
  if (request.method === 'HEAD' || info.size === 0) return void response.end();
  await pipeline(await backend.store.open(digest, { start, end }), response);
}

/** DELETE: the repository no longer has it; the bytes go when no repository has them (end-10). */
export async function deleteBlob(backend: Backend, exchange: Exchange): Promise<void> {
  const digest = digestIn(exchange.reference);
  if (!(await backend.repositories.removeBlob(exchange.name, digest)))
    throw new SpecError('BLOB_UNKNOWN', 'blob unknown to registry', { detail: { digest } });
  answer(exchange, 202);
}

/** One range of bytes (RFC 9110, section 14.2), inclusive; anything else is ignored, as the RFC allows. @throws RANGE_INVALID */
function rangeIn(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [first, last] = [match[1], match[2]];
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(size - 1, Number(last));
  if (start <= end && start < size) return { start, end };
  throw new SpecError('RANGE_INVALID', 'range not satisfiable', { headers: { 'content-range': `bytes */${size}` } });
}
