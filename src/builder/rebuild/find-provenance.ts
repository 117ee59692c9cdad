import type { ContentStore } from '../../content/index.ts';
import type { CallOptions, RegistryClient } from '../../distribution/index.ts';
import { LadingError, isLadingError } from '../../errors/index.ts';
import type { FoundImage, ImageRecord, ImageStore, Referrers } from '../../image/index.ts';
import { familiarRepository, formatReference, parseReference, type Digest, type Reference } from '../../oci/index.ts';
import type { BuildMemory } from '../attest/attestor.ts';
import { fetchStatements } from '../attest/fetch-attestations.ts';
import { PROVENANCE, readStatements, type Statement } from '../attest/statement.ts';
import { credentialsFor } from '../registry-credentials.ts';
import type { Credentials } from '../types.ts';

/** A build as provenance tells it. */
export interface Told {
  readonly predicate: unknown;
  /** Of a build of this machine. */
  readonly memory: BuildMemory | undefined;
}

export interface ProvenanceSources {
  readonly images: ImageStore;
  readonly referrers: Referrers;
  readonly content: ContentStore;
  readonly registries: RegistryClient;
}

export interface FindOptions {
  readonly credentials?: Readonly<Record<string, Credentials>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The last provenance of an image: as this store has it, else as the registry does that it was pulled from. @throws what the registry's refusal is */
export async function findProvenance(
  { record, index }: FoundImage,
  sources: ProvenanceSources,
  options: FindOptions,
): Promise<Told | undefined> {
  const inIndex = index?.images.find(({ id }) => id === record.id)?.manifest.digest;
  const subjects = [record.manifest.digest, ...(inIndex === undefined ? [] : [inIndex])];
  return (await stored(subjects, sources)) ?? fetched(record, sources, options);
}

async function stored(
  subjects: readonly Digest[],
  { referrers, content }: ProvenanceSources,
): Promise<Told | undefined> {
  for (const referrer of subjects.flatMap((subject) => referrers.of(subject)).toReversed())
    for (const { predicateType, predicate } of await readStatements(content, referrer))
      if (predicateType === PROVENANCE) return { predicate, memory: referrer.local as BuildMemory | undefined };
  return undefined;
}

/** Of an image that was pulled: from where it was pulled. */
async function fetched(
  { id, manifest }: ImageRecord,
  sources: ProvenanceSources,
  { credentials = {}, signal }: FindOptions,
): Promise<Told | undefined> {
  const names = (sources.images.namesByImage().get(id) ?? []).map(({ name }) => parseReference(name));
  for (const name of names.filter(({ digest }) => digest !== undefined)) {
    const auth = credentialsFor(formatReference(name), credentials);
    const call = { ...(auth ? { auth } : {}), ...(signal ? { signal } : {}) };
    const found = await statementsAt(name, manifest.digest, sources.registries, call);
    const last = found.at(-1);
    if (last) return { predicate: last.predicate, memory: undefined };
  }
  return undefined;
}

async function statementsAt(
  name: Reference,
  subject: Digest,
  registries: RegistryClient,
  call: CallOptions,
): Promise<Statement[]> {
  try {
    return await fetchStatements(registries, name, subject, PROVENANCE, call);
  } catch (error) {
    if (!isLadingError(error)) throw error;
    const { code, message, hint } = error;
    const attempted = `rebuild: fetch the provenance of ${familiarRepository(name)}: ${message}`;
    throw new LadingError(code, attempted, { cause: error, ...(hint === undefined ? {} : { hint }) });
  }
}
