import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ContentStore } from '../content/index.ts';
import { LadingError } from '../errors/index.ts';
import { isDigest, type Digest } from '../oci/index.ts';
import type { Repositories } from './repositories.ts';
import { SpecError } from './spec-error.ts';
import type { Uploads } from './uploads.ts';

/** What the handlers work on. */
export interface Backend {
  readonly store: ContentStore;
  readonly repositories: Repositories;
  readonly uploads: Uploads;
}

/** One request being answered. `name` and `reference` are the decoded parts of the path. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly name: string;
  readonly reference: string;
}

export type Handler = (backend: Backend, exchange: Exchange) => Promise<void>;

/** @throws DIGEST_INVALID */
export function digestIn(text: string | null): Digest {
  if (isDigest(text)) return text;
  throw new SpecError('DIGEST_INVALID', 'provided digest is not a sha256 or sha512 digest', {
    detail: { digest: text?.slice(0, 200) },
  });
}

/** Answers without a body, or with JSON. */
export function answer(
  { request, response }: Exchange,
  status: number,
  headers: Readonly<Record<string, string | number>> = {},
  json?: unknown,
): void {
  const body = json === undefined ? '' : JSON.stringify(json);
  response.writeHead(status, {
    ...(json === undefined ? {} : { 'content-type': 'application/json' }),
    ...(status === 204 ? {} : { 'content-length': Buffer.byteLength(body) }),
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** A whole small request body. @throws MANIFEST_INVALID (413) past `maxBytes` */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length;
    if (size > maxBytes)
      throw new SpecError('MANIFEST_INVALID', `manifest larger than ${maxBytes} bytes`, { status: 413 });
    chunks.push(chunk as Buffer);
  }
  if (!request.complete) throw new LadingError('cancelled', 'read request: the client has gone');
  return Buffer.concat(chunks);
}

/** `n` and `last` of a listing and the `Link` to its next page (distribution-spec "Listing Tags"). */
export function pageOf(
  all: readonly string[],
  { query, request }: Exchange,
): { page: string[]; headers: Record<string, string> } {
  const [n, last] = [query.get('n'), query.get('last')];
  if (n !== null && !/^[0-9]{1,9}$/.test(n))
    throw new SpecError('PAGINATION_NUMBER_INVALID', 'invalid number of results requested', {
      detail: { n: n.slice(0, 40) },
    });
  const rest = last === null ? all : all.filter((item) => item > last);
  const limit = n === null ? rest.length : Number(n);
  const page = rest.slice(0, limit);
  const end = page.at(-1);
  if (end === undefined || page.length === rest.length) return { page, headers: {} };
  const path = (request.url ?? '').split('?')[0];
  const next = `${path}?n=${limit}&last=${encodeURIComponent(end)}`;
  return { page, headers: { link: `<${next}>; rel="next"` } };
}
