import { isLadingError } from '../errors/index.ts';
import {
  MAX_DOCUMENT_BYTES,
  MEDIA,
  familiarRepository,
  parseManifestDocument,
  type Descriptor,
  type Digest,
  type Reference,
} from '../oci/index.ts';
import { repositoryScope, type Connection } from './connection.ts';
import { readBounded } from './http/bounded-body.ts';
import { pushImage, type PushImageOptions } from './push.ts';
import { statusError } from './registry-error.ts';
import type { RegistryClient } from './registry-client.ts';
import type { CallOptions } from './session.ts';

/** What refers to a manifest (distribution-spec 1.1, end-12a), its first page; undefined when the registry does not know the question. */
export async function listReferrers(
  connection: Connection,
  repository: Reference,
  subject: Digest,
  call: CallOptions,
): Promise<Descriptor[] | undefined> {
  const { session } = connection;
  const scopes = [repositoryScope(repository.path, 'pull')];
  const target = `v2/${repository.path}/referrers/${subject}`;
  return connection.write(repository, call, async (endpoint) => {
    const headers = { accept: MEDIA.ociIndex };
    const response = await session.send({ endpoint, method: 'GET', target, scopes, headers }, call);
    const type = String(response.headers['content-type'] ?? '').split(';')[0];
    if (response.status === 200 && type === MEDIA.ociIndex) {
      const limits = { ...session.limitsOf(response, call.signal), maxBytes: MAX_DOCUMENT_BYTES };
      return indexEntries(await readBounded(response.body, limits));
    }
    const body = await session.excerptOf(response);
    if (response.status < 500 && response.status !== 401 && response.status !== 403) return undefined;
    throw statusError(response, body, `list referrers of ${familiarRepository(repository)}@${subject}`);
  });
}

export interface ReferrerToPush extends PushImageOptions {
  /** As the registry is to list it. */
  readonly descriptor: Descriptor;
}

/**
 * Pushes artifacts that refer to a manifest. A registry without the referrers API gets the fallback of the specification:
 * an index of them under a tag made of the subject's digest.
 */
export async function pushReferrers(
  client: RegistryClient,
  repository: Reference,
  subject: Digest,
  artifacts: readonly ReferrerToPush[],
  call: CallOptions = {},
): Promise<void> {
  const { domain, path } = repository;
  for (const artifact of artifacts)
    await pushImage(client, { domain, path, digest: artifact.descriptor.digest }, { ...artifact, ...call });
  const listed = await client.referrers({ domain, path }, subject, call);
  if (listed !== undefined) return;
  const tagged: Reference = { domain, path, tag: subject.replace(':', '-').slice(0, 128) };
  const present = await entriesOf(client, tagged, call);
  const digests = new Set(artifacts.map(({ descriptor }) => descriptor.digest));
  const kept = present.filter(({ digest }) => !digests.has(digest));
  const manifests = [...kept, ...artifacts.map(({ descriptor }) => descriptor)];
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests }));
  await client.pushManifest(tagged, bytes, MEDIA.ociIndex, call);
}

async function entriesOf(client: RegistryClient, tagged: Reference, call: CallOptions): Promise<Descriptor[]> {
  try {
    return indexEntries((await client.resolve(tagged, call)).bytes);
  } catch (error) {
    if (isLadingError(error, 'not_found')) return [];
    throw error;
  }
}

function indexEntries(bytes: Buffer): Descriptor[] {
  const document = parseManifestDocument(bytes, MEDIA.ociIndex);
  return document.kind === 'index' ? [...document.index.manifests] : [];
}
