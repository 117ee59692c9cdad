import { createHash } from 'node:crypto';
import { isLadingError } from '../errors/index.ts';
import {
  MAX_DOCUMENT_BYTES,
  digestAlgorithm,
  digestOf,
  isDigest,
  parseDescriptor,
  parseManifestDocument,
  type Descriptor,
  type Digest,
} from '../oci/index.ts';
import { answer, digestIn, pageOf, readBody, type Backend, type Exchange } from './exchange.ts';
import { isTag } from './repositories.ts';
import { SpecError } from './spec-error.ts';

type Document = ReturnType<typeof parseManifestDocument>;

/** GET and HEAD of a manifest by tag or digest, in the bytes it was put in (end-3). */
export async function readManifest(backend: Backend, exchange: Exchange): Promise<void> {
  const { request, response, name, reference } = exchange;
  const digest = await digestFor(backend, name, reference);
  const descriptor = await backend.repositories.manifest(name, digest);
  if (!descriptor) throw unknownManifest(reference);
  const bytes = request.method === 'HEAD' ? undefined : await backend.store.read(digest);
  response.writeHead(200, {
    'content-type': descriptor.mediaType,
    'content-length': descriptor.size,
    'docker-content-digest': digest,
    etag: `"${digest}"`,
  });
  response.end(bytes);
}

/** PUT by tag or digest; everything it names must be in the repository (end-7). */
export async function putManifest(backend: Backend, exchange: Exchange): Promise<void> {
  const { request, name, reference } = exchange;
  if (!isTag(reference)) digestIn(reference);
  const bytes = await readBody(request, MAX_DOCUMENT_BYTES);
  const document = parse(bytes, request.headers['content-type']);
  const digest = digestLike(bytes, reference);
  if (isDigest(reference) && reference !== digest)
    throw new SpecError('DIGEST_INVALID', 'provided digest did not match uploaded content', { detail: { digest } });
  await assertParts(backend, name, document);
  const descriptor = describe(document, digest, bytes.length);
  const subject = subjectOf(document);
  await backend.store.put(bytes, { digest, size: bytes.length });
  // The referrer first: were the server to stop here, a listing could only be early, never forgetful.
  if (subject) await backend.repositories.addReferrer(name, subject.digest, descriptor);
  await backend.repositories.addManifest(name, descriptor);
  if (!isDigest(reference)) await backend.repositories.setTag(name, reference, digest);
  answer(exchange, 201, {
    location: `/v2/${name}/manifests/${digest}`,
    'docker-content-digest': digest,
    ...(subject ? { 'oci-subject': subject.digest } : {}),
  });
}

/** DELETE of a tag, or of a manifest with its tags (end-9). */
export async function deleteManifest(backend: Backend, exchange: Exchange): Promise<void> {
  const { repositories, store } = backend;
  const { name, reference } = exchange;
  if (isTag(reference)) {
    if (!(await repositories.removeTag(name, reference))) throw unknownManifest(reference);
    return answer(exchange, 202);
  }
  const digest = digestIn(reference);
  const descriptor = await repositories.manifest(name, digest);
  if (!descriptor) throw unknownManifest(reference);
  const subject = subjectOf(parseManifestDocument(await store.read(digest), descriptor.mediaType));
  await repositories.removeManifest(name, digest);
  if (subject) await repositories.removeReferrer(name, subject.digest, digest);
  answer(exchange, 202);
}

/** GET tags/list (end-8). */
export async function listTags(backend: Backend, exchange: Exchange): Promise<void> {
  const { name } = exchange;
  if (!(await backend.repositories.exists(name)))
    throw new SpecError('NAME_UNKNOWN', 'repository name not known to registry', { detail: { name } });
  const { page, headers } = pageOf(await backend.repositories.tags(name), exchange);
  answer(exchange, 200, headers, { name, tags: page });
}

/** GET _catalog, as the Docker registry has it. */
export async function listRepositories(backend: Backend, exchange: Exchange): Promise<void> {
  const { page, headers } = pageOf(await backend.repositories.names(), exchange);
  answer(exchange, 200, headers, { repositories: page });
}

function parse(bytes: Buffer, contentType: string | undefined): Document {
  const type = contentType?.split(';')[0]?.trim();
  let document: Document;
  try {
    document = parseManifestDocument(bytes, type);
  } catch (error) {
    throw isLadingError(error) ? new SpecError('MANIFEST_INVALID', error.message) : error;
  }
  const { mediaType } = document.kind === 'index' ? document.index : document.manifest;
  if (type !== undefined && type !== '' && type !== mediaType)
    throw new SpecError('MANIFEST_INVALID', `Content-Type "${type}" is not the manifest's media type "${mediaType}"`);
  return document;
}

function digestLike(bytes: Buffer, reference: string): Digest {
  if (!isDigest(reference) || digestAlgorithm(reference) === 'sha256') return digestOf(bytes);
  return `sha512:${createHash('sha512').update(bytes).digest('hex')}` as Digest;
}

async function digestFor(backend: Backend, name: string, reference: string): Promise<Digest> {
  if (!isTag(reference)) return digestIn(reference);
  const digest = await backend.repositories.tag(name, reference);
  if (digest === undefined) throw unknownManifest(reference);
  return digest;
}

/** @throws MANIFEST_BLOB_UNKNOWN naming every missing part */
async function assertParts({ repositories }: Backend, name: string, document: Document): Promise<void> {
  const parts =
    document.kind === 'index' ? document.index.manifests : [document.manifest.config, ...document.manifest.layers];
  const missing: Digest[] = [];
  for (const { digest, urls, mediaType } of parts) {
    const elsewhere = (urls?.length ?? 0) > 0 && /foreign|nondistributable/.test(mediaType);
    const present =
      document.kind === 'index'
        ? (await repositories.manifest(name, digest)) !== undefined
        : elsewhere || (await repositories.hasBlob(name, digest));
    if (!present) missing.push(digest);
  }
  if (missing.length > 0)
    throw new SpecError('MANIFEST_BLOB_UNKNOWN', 'manifest references a manifest or blob unknown to registry', {
      detail: missing.slice(0, 100).map((digest) => ({ digest })),
    });
}

/** The descriptor as the referrers API shows it (distribution-spec "Listing Referrers"). */
function describe(document: Document, digest: Digest, size: number): Descriptor {
  const { mediaType, artifactType, annotations } = document.kind === 'index' ? document.index : document.manifest;
  const type = artifactType ?? (document.kind === 'manifest' ? document.manifest.config.mediaType : undefined);
  return {
    mediaType,
    digest,
    size,
    ...(typeof type === 'string' && type !== '' ? { artifactType: type } : {}),
    ...(annotations ? { annotations } : {}),
  };
}

function subjectOf(document: Document): Descriptor | undefined {
  const subject: unknown = document.kind === 'index' ? document.index.subject : document.manifest.subject;
  if (subject === undefined || subject === null) return undefined;
  try {
    return parseDescriptor(subject, 'subject');
  } catch (error) {
    throw isLadingError(error) ? new SpecError('MANIFEST_INVALID', error.message) : error;
  }
}

function unknownManifest(reference: string): SpecError {
  const detail = isDigest(reference) ? { digest: reference } : { tag: reference.slice(0, 200) };
  return new SpecError('MANIFEST_UNKNOWN', 'manifest unknown', { detail });
}
