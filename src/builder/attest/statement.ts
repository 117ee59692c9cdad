import type { ContentStore } from '../../content/index.ts';
import { LadingError } from '../../errors/index.ts';
import { putReferrer, type Referrer } from '../../image/index.ts';
import type { Descriptor, Digest } from '../../oci/index.ts';

/** An in-toto statement (v1): a predicate about subjects. */
export interface Statement {
  readonly _type: string;
  readonly subject: readonly StatementSubject[];
  readonly predicateType: string;
  readonly predicate: unknown;
}

export interface StatementSubject {
  /** A package URL, "_" without a name. */
  readonly name: string;
  readonly digest: Readonly<Record<string, string>>;
}

export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const IN_TOTO = 'application/vnd.in-toto+json';
/** As BuildKit and cosign mark them. */
export const PREDICATE_TYPE = 'in-toto.io/predicate-type';

export const PROVENANCE = 'https://slsa.dev/provenance/v1';
export const SPDX = 'https://spdx.dev/Document';

/** An SBOM of a large image. */
const MAX_STATEMENT_BYTES = 256 << 20;

type Keep = (digest: Digest) => Promise<void>;

/** A statement about one manifest, under its names. */
export function statementOf(
  subject: Digest,
  names: readonly string[],
  predicateType: string,
  predicate: unknown,
): Statement {
  const [algorithm = 'sha256', hex = ''] = subject.split(':');
  const digest = { [algorithm]: hex };
  return {
    _type: STATEMENT_TYPE,
    subject: (names.length === 0 ? ['_'] : names).map((name) => ({ name, digest })),
    predicateType,
    predicate,
  };
}

/** Stores a statement as an artifact that refers to the manifest it is about. */
export function putStatement(
  content: ContentStore,
  subject: Descriptor,
  statement: Statement,
  keep: Keep,
): Promise<Referrer> {
  const annotations = { [PREDICATE_TYPE]: statement.predicateType };
  const bytes = Buffer.from(JSON.stringify(statement));
  const layers = [{ mediaType: IN_TOTO, bytes, annotations }];
  return putReferrer(content, subject, { artifactType: IN_TOTO, layers, annotations }, keep);
}

/** The statements in an attestation; none when a referrer is something else. @throws data_loss when its bytes are damaged */
export async function readStatements(content: ContentStore, { manifest, blobs }: Referrer): Promise<Statement[]> {
  const statements: Statement[] = [];
  for (const { digest } of blobs.filter(({ mediaType }) => mediaType === IN_TOTO)) {
    const bytes = await content.read(digest, { maxBytes: MAX_STATEMENT_BYTES });
    const value = JSON.parse(bytes.toString()) as Partial<Statement>;
    const { subject, predicateType, predicate } = value;
    if (!Array.isArray(subject) || typeof predicateType !== 'string' || predicate === undefined)
      throw new LadingError('data_loss', `read attestation ${manifest.digest}: it is no in-toto statement`);
    statements.push(value as Statement);
  }
  return statements;
}

/** The attestations of one manifest for another that holds the same image, as a push makes one with compressed layers. */
export async function attestAnew(
  content: ContentStore,
  referrers: readonly Referrer[],
  subject: Descriptor,
  keep: Keep,
): Promise<Referrer[]> {
  const made: Referrer[] = [];
  for (const referrer of referrers)
    for (const { predicateType, predicate, subject: about } of await readStatements(content, referrer)) {
      const names = about.map(({ name }) => name);
      const anew = statementOf(subject.digest, names, predicateType, predicate);
      made.push(await putStatement(content, subject, anew, keep));
    }
  return made;
}
