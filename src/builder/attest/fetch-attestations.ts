import type { CallOptions, RegistryClient } from '../../distribution/index.ts';
import { isLadingError } from '../../errors/index.ts';
import { parseManifestDocument, type Descriptor, type Digest, type Reference } from '../../oci/index.ts';
import { IN_TOTO, PREDICATE_TYPE, type Statement } from './statement.ts';

const MAX_REFERRERS = 50;

/**
 * The statements of a type that a registry holds about a manifest, by its referrers or the fallback tag. What does not name the manifest
 * as its subject is left out. Nothing of it is signed: who can write to the repository can write these.
 * @throws what the registry's refusal is
 */
export async function fetchStatements(
  registries: RegistryClient,
  repository: Reference,
  subject: Digest,
  predicateType: string,
  call: CallOptions,
): Promise<Statement[]> {
  const { domain, path } = repository;
  const listed = await listReferrersOf({ domain, path }, subject, registries, call);
  const wanted = listed.filter(({ annotations }) => annotations?.[PREDICATE_TYPE] === predicateType);
  const found: Statement[] = [];
  for (const { digest } of wanted.slice(-MAX_REFERRERS)) {
    const { bytes, mediaType } = await registries.fetchManifest({ domain, path }, digest, call);
    const document = parseManifestDocument(bytes, mediaType);
    const layer = document.kind === 'manifest' && document.manifest.layers.find((one) => one.mediaType === IN_TOTO);
    if (!layer) continue;
    const statement = statementIn(await registries.fetchBlob({ domain, path }, layer, call));
    if (statement?.predicateType === predicateType && isAbout(statement, subject)) found.push(statement);
  }
  return found;
}

async function listReferrersOf(
  repository: Reference,
  subject: Digest,
  registries: RegistryClient,
  call: CallOptions,
): Promise<readonly Descriptor[]> {
  const listed = await registries.referrers(repository, subject, call);
  if (listed !== undefined) return listed;
  try {
    const tag = subject.replace(':', '-').slice(0, 128);
    const { bytes, mediaType } = await registries.resolve({ ...repository, tag }, call);
    const document = parseManifestDocument(bytes, mediaType);
    return document.kind === 'index' ? document.index.manifests : [];
  } catch (error) {
    if (isLadingError(error, 'not_found')) return [];
    throw error;
  }
}

function statementIn(bytes: Buffer): Statement | undefined {
  try {
    const value = JSON.parse(bytes.toString('utf8')) as Partial<Statement> | null;
    return Array.isArray(value?.subject) ? (value as Statement) : undefined;
  } catch {
    return undefined;
  }
}

function isAbout({ subject }: Statement, manifest: Digest): boolean {
  return subject.some(({ digest } = {} as never) => `sha256:${digest?.['sha256']}` === manifest);
}
