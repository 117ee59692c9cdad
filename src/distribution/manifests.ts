import { createHash } from 'node:crypto';
import { LadingError } from '../errors/index.ts';
import {
  MANIFEST_ACCEPT,
  MAX_DOCUMENT_BYTES,
  digestAlgorithm,
  digestOf,
  familiarReference,
  isDigest,
  parseManifestDocument,
  type Descriptor,
  type Digest,
  type Reference,
} from '../oci/index.ts';
import { repositoryScope, type Connection } from './connection.ts';
import { readBounded, readExcerpt } from './http/bounded-body.ts';
import { pullError, statusError } from './registry-error.ts';
import type { CallOptions } from './session.ts';

/** A manifest or index exactly as received; `descriptor.digest` was computed from these bytes. */
export interface ResolvedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly mediaType: string;
}

const ACCEPT = MANIFEST_ACCEPT.join(', ');
/** Registries check every blob of a large manifest before they answer. */
const PUT_TIMEOUT_MS = 120_000;

/** `v2/<repository>/manifests/<tag or digest>`. */
function manifestPath(reference: Reference): string {
  return `v2/${reference.path}/manifests/${reference.digest ?? reference.tag ?? 'latest'}`;
}

/** Fetches the manifest or index a reference names; its tag is ignored when it has a digest. */
export async function resolveManifest(
  connection: Connection,
  reference: Reference,
  call: CallOptions,
): Promise<ResolvedManifest> {
  const { session } = connection;
  const attempted = `pull ${familiarReference(reference)}`;
  const request = {
    method: 'GET',
    target: manifestPath(reference),
    scopes: [repositoryScope(reference.path, 'pull')],
    headers: { accept: ACCEPT },
  } as const;
  try {
    return await connection.read(reference, call, async (endpoint) => {
      const response = await session.expect({ endpoint, ...request }, call, [200], attempted);
      const limits = { ...session.limitsOf(response, call.signal), maxBytes: MAX_DOCUMENT_BYTES };
      const bytes = await readBounded(response.body, limits);
      return describe(bytes, response.headers['content-type'], reference);
    });
  } catch (error) {
    throw pullError(error, reference);
  }
}

function describe(bytes: Buffer, contentType: string | undefined, reference: Reference): ResolvedManifest {
  const digest = digestLike(bytes, reference.digest);
  if (reference.digest !== undefined && digest !== reference.digest)
    throw new LadingError(
      'data_loss',
      `pull ${familiarReference(reference)}: got digest "${digest}", expected "${reference.digest}"`,
      { hint: 'the registry, or a proxy in front of it, delivers other bytes than were asked for' },
    );
  const document = parseManifestDocument(bytes, contentType);
  const { mediaType } = document.kind === 'index' ? document.index : document.manifest;
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes, mediaType };
}

/** Digest of bytes with the algorithm of an expected one. */
function digestLike(bytes: Uint8Array, expected: Digest | undefined): Digest {
  if (expected === undefined || digestAlgorithm(expected) === 'sha256') return digestOf(bytes);
  return `sha512:${createHash('sha512').update(bytes).digest('hex')}` as Digest;
}

/**
 * What the registry says a reference names, without the bytes (and without counting against Docker Hub's limit):
 * a hint for whether something changed, since nothing has been verified. undefined when it does not say, or has none.
 */
export async function headManifest(
  connection: Connection,
  reference: Reference,
  call: CallOptions,
): Promise<Descriptor | undefined> {
  const { session } = connection;
  return connection.read(reference, call, async (endpoint) => {
    const response = await session.send(
      {
        endpoint,
        method: 'HEAD',
        target: manifestPath(reference),
        scopes: [repositoryScope(reference.path, 'pull')],
        headers: { accept: ACCEPT },
      },
      call,
    );
    await session.excerptOf(response);
    if (response.status === 404) return undefined;
    if (response.status !== 200)
      throw pullError(statusError(response, '', `head manifest "${familiarReference(reference)}"`), reference);
    const { 'docker-content-digest': digest, 'content-type': mediaType, 'content-length': length } = response.headers;
    const size = Number(length);
    if (!isDigest(digest) || mediaType === undefined || !Number.isSafeInteger(size)) return undefined;
    return { mediaType, digest, size };
  });
}

/** Stores a manifest under the reference's tag, or under its own digest. @returns its digest */
export async function putManifest(
  connection: Connection,
  reference: Reference,
  manifest: { readonly bytes: Uint8Array; readonly mediaType: string },
  call: CallOptions,
): Promise<Digest> {
  const { session } = connection;
  const digest = digestLike(manifest.bytes, reference.digest);
  const attempted = `push ${familiarReference(reference)}`;
  if (reference.digest !== undefined && reference.digest !== digest)
    throw new LadingError('invalid_argument', `${attempted}: the manifest has digest "${digest}"`);
  const { digest: _pinned, ...tagged } = reference;
  const target = manifestPath(reference.tag === undefined ? { ...reference, digest } : tagged);
  await connection.write(reference, call, async (endpoint) => {
    const response = await session.expect(
      {
        endpoint,
        method: 'PUT',
        target,
        scopes: [repositoryScope(reference.path, 'pull,push')],
        headers: { 'content-type': manifest.mediaType },
        body: { bytes: manifest.bytes },
        answerTimeoutMs: PUT_TIMEOUT_MS,
      },
      call,
      [200, 201, 202],
      attempted,
    );
    await readExcerpt(response.body, session.limitsOf(response));
    const claimed = response.headers['docker-content-digest'];
    if (
      claimed !== undefined &&
      isDigest(claimed) &&
      digestAlgorithm(claimed) === digestAlgorithm(digest) &&
      claimed !== digest
    )
      throw new LadingError('data_loss', `${attempted}: the registry stored digest "${claimed}", expected "${digest}"`);
  });
  return digest;
}

/** Removes a tag, or with a digest the manifest and all its tags. @throws not_found, not_implemented */
export async function deleteManifest(connection: Connection, reference: Reference, call: CallOptions): Promise<void> {
  const { session } = connection;
  await connection.write(reference, call, async (endpoint) => {
    const target = manifestPath(reference);
    const scopes = [repositoryScope(reference.path, 'pull,push,delete')];
    const response = await session.send({ endpoint, method: 'DELETE', target, scopes }, call);
    const body = await session.excerptOf(response);
    const attempted = `delete manifest "${familiarReference(reference)}"`;
    if (response.status === 405)
      throw new LadingError('not_implemented', `${attempted}: the registry does not allow it`, {
        hint: 'deletion has to be enabled in the configuration of the registry',
      });
    if (response.status !== 202 && response.status !== 200) throw statusError(response, body, attempted);
  });
}
