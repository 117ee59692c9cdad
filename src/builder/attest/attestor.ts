import { randomUUID } from 'node:crypto';
import { LadingError } from '../../errors/index.ts';
import type { Referrer, Referrers } from '../../image/index.ts';
import {
  familiarReference,
  familiarRepository,
  formatPlatform,
  type Descriptor,
  type Digest,
  type Reference,
} from '../../oci/index.ts';
import type { BuildCache } from '../cache/build-cache.ts';
import type { BuiltPlatform } from '../export/exporting.ts';
import type { AttestationOptions, BuildLease, BuildRequest, BuilderDependencies } from '../types.ts';
import { attestationManifest, type AttestationManifest } from './index-form.ts';
import { provenanceOf, type BuildSource } from './provenance.ts';
import { makeSbom } from './sbom/make-sbom.ts';
import {
  PREDICATE_TYPE,
  PROVENANCE,
  SPDX,
  STATEMENT_TYPE,
  putStatement,
  statementOf,
  type Statement,
  type StatementSubject,
} from './statement.ts';

export interface AttestContext {
  readonly dependencies: Pick<BuilderDependencies, 'content' | 'snapshotter' | 'metadata'>;
  readonly referrers: Referrers;
  readonly request: BuildRequest;
  readonly names: readonly Reference[];
  readonly source: BuildSource;
  readonly built: readonly BuiltPlatform[];
  readonly cache: BuildCache;
  readonly lease: BuildLease;
  readonly signal: AbortSignal;
}

/** What this store alone remembers of a build, for doing it again. */
export interface BuildMemory {
  readonly folder?: string;
  readonly contexts?: Readonly<Record<string, string>>;
  readonly buildArgNames: readonly string[];
}

const PROVENANCE_ATTRS = ['builder-id', 'reproducible', 'version', 'inline-only', 'filename'];
const SBOM_ATTRS: readonly string[] = [];

/** What is wrong with the attestations a request wants, said before anything is built. @throws invalid_argument, not_implemented */
export function checkAttestations({ attestations = {} }: BuildRequest): void {
  const { provenance, sbom } = attestations;
  refuseOthers('provenance', provenance, PROVENANCE_ATTRS);
  refuseOthers('sbom', sbom, SBOM_ATTRS);
  const version = provenance ? provenance.attrs?.['version'] : undefined;
  if (version !== undefined && version !== 'v1')
    throw new LadingError('not_implemented', `provenance version "${version}" is not supported`, { hint: 'use v1' });
}

function refuseOthers(
  type: string,
  options: AttestationOptions['provenance'] | AttestationOptions['sbom'],
  known: readonly string[],
): void {
  const unknown = Object.keys((options && options.attrs) || {}).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const hint =
    unknown === 'generator'
      ? 'lading writes the SBOM itself, no scanner image is run'
      : `options: mode, ${known.join(', ')}`;
  throw new LadingError('invalid_argument', `invalid ${type} attestation: unknown option "${unknown}"`, { hint });
}

/** Makes the attestations of one build: of each platform's manifest, in whatever form it goes out. */
export class Attestor {
  readonly #c: AttestContext;
  readonly #predicates = new Map<string, Promise<object>>();

  constructor(context: AttestContext) {
    this.#c = context;
  }

  /** They go into the index, in BuildKit's form, and nothing refers to the images. */
  get inIndex(): boolean {
    return attestsInIndex(this.#c.request);
  }

  /** BuildKit's form: one manifest with all statements about a platform's manifest, an entry of the index. */
  async forIndex(built: BuiltPlatform, subject: Descriptor): Promise<AttestationManifest> {
    const names = this.#c.names.map((name) => packageUrl(name, built));
    const statements: Statement[] = [];
    for (const type of wantedTypes(this.#c.request))
      statements.push(statementOf(subject.digest, names, type, await this.#predicate(type, built)));
    const { content } = this.#c.dependencies;
    const made = await attestationManifest(content, subject, statements, this.#keep);
    const local = memoryOf(this.#c.request, this.#c.source);
    this.#c.referrers.add(subject.digest, [{ manifest: made.manifest, blobs: made.blobs, local }], (present) =>
      isIndexForm(present),
    );
    return made;
  }

  /**
   * Makes what is wanted and not there yet of a platform's manifest, and remembers it as its referrers. Provenance by default only once:
   * a build found wholly in the cache writes nothing.
   * @returns all attestations of the manifest, the earlier ones too
   */
  async attach(built: BuiltPlatform, subject: Descriptor): Promise<readonly Referrer[]> {
    const { referrers, dependencies, request, source } = this.#c;
    const names = this.#c.names.map((name) => packageUrl(name, built));
    for (const predicateType of this.#wanted(subject.digest)) {
      const predicate = await this.#predicate(predicateType, built);
      const statement = statementOf(subject.digest, names, predicateType, predicate);
      const made = await putStatement(dependencies.content, subject, statement, this.#keep);
      const local = predicateType === PROVENANCE ? { local: memoryOf(request, source) } : {};
      referrers.add(subject.digest, [{ ...made, ...local }], (present) => predicateTypeOf(present) === predicateType);
    }
    this.#remember(subject.digest);
    const all = referrers.of(subject.digest);
    for (const { manifest, blobs } of all) for (const { digest } of [manifest, ...blobs]) await this.#keep(digest);
    return all;
  }

  /** What was asked for by name, by predicate type. */
  get asked(): readonly string[] {
    const { provenance, sbom } = this.#c.request.attestations ?? {};
    return [...(provenance ? [PROVENANCE] : []), ...(sbom ? [SPDX] : [])];
  }

  /** What was asked for, about other things than manifests. */
  async statementsAbout(built: BuiltPlatform, subject: readonly StatementSubject[]): Promise<Statement[]> {
    const statements: Statement[] = [];
    for (const predicateType of this.asked)
      statements.push({
        _type: STATEMENT_TYPE,
        subject,
        predicateType,
        predicate: await this.#predicate(predicateType, built),
      });
    return statements;
  }

  /** Where a build can be done again: the last folder counts, the provenance stays the first one's. */
  #remember(subject: Digest): void {
    const { referrers, request, source } = this.#c;
    const present = referrers.of(subject).find((one) => predicateTypeOf(one) === PROVENANCE);
    const local = memoryOf(request, source);
    if (!present || JSON.stringify(present.local) === JSON.stringify(local)) return;
    referrers.note(subject, present.manifest.digest, local);
  }

  /** As buildx writes it to a metadata file: the predicate of mode min, whether or not it was attached. */
  metadata(): Readonly<Record<string, object>> {
    const { request, source } = this.#c;
    if (request.attestations?.provenance === false) return {};
    const finishedAt = new Date().toISOString();
    const facts = { mode: 'min', request, source, finishedAt, invocationId: randomUUID(), records: [] } as const;
    const all = this.#c.built.map(
      (built) => [formatPlatform(built.platform), provenanceOf({ ...facts, built })] as const,
    );
    const [only, ...more] = all;
    if (only && more.length === 0) return { 'buildx.build.provenance': only[1] };
    return Object.fromEntries(all.map(([platform, predicate]) => [`buildx.build.provenance/${platform}`, predicate]));
  }

  readonly #keep = async (digest: Digest): Promise<void> => {
    await this.#c.lease.addDigest(digest);
  };

  #wanted(subject: Digest): string[] {
    const { provenance, sbom } = this.#c.request.attestations ?? {};
    const present = this.#c.referrers.of(subject).map(predicateTypeOf);
    return [
      ...(provenance !== false && (provenance !== undefined || !present.includes(PROVENANCE)) ? [PROVENANCE] : []),
      ...(sbom && !present.includes(SPDX) ? [SPDX] : []),
    ];
  }

  /** The same for every form of a platform's image. */
  #predicate(type: string, built: BuiltPlatform): Promise<object> {
    const key = `${type} ${formatPlatform(built.platform)}`;
    const known = this.#predicates.get(key) ?? this.#make(type, built);
    this.#predicates.set(key, known);
    return known;
  }

  async #make(type: string, built: BuiltPlatform): Promise<object> {
    const { request, source, cache, dependencies, names, signal } = this.#c;
    if (type === SPDX)
      return makeSbom(built, names[0] ? familiarReference(names[0]) : 'image', { ...dependencies, signal });
    const { mode = 'min', attrs = {} } = request.attestations?.provenance || {};
    return provenanceOf({
      mode,
      request,
      built,
      source,
      finishedAt: new Date().toISOString(),
      invocationId: randomUUID(),
      records: mode === 'max' ? built.steps.flatMap((key) => cache.find(key) ?? []) : [],
      builderId: attrs['builder-id'],
      reproducible: attrs['reproducible'] === 'true',
    });
  }
}

/** What a request wants, by predicate type. */
function wantedTypes({ attestations = {} }: BuildRequest): string[] {
  return [...(attestations.provenance === false ? [] : [PROVENANCE]), ...(attestations.sbom ? [SPDX] : [])];
}

/** Whether a request wants its attestations in an index. */
export function attestsInIndex(request: BuildRequest): boolean {
  return request.attestations?.form === 'index' && wantedTypes(request).length > 0;
}

function isIndexForm({ manifest }: Referrer): boolean {
  return manifest.artifactType === undefined;
}

function predicateTypeOf({ manifest }: Referrer): string | undefined {
  return manifest.annotations?.[PREDICATE_TYPE];
}

function memoryOf({ contexts = {}, buildArgs }: BuildRequest, { folder }: BuildSource): BuildMemory {
  return { ...(folder === undefined ? {} : { folder }), contexts, buildArgNames: Object.keys(buildArgs) };
}

/** As BuildKit names subjects. */
function packageUrl({ domain, path, tag, digest }: Reference, { platform }: BuiltPlatform): string {
  const name = familiarRepository({ domain, path });
  const version = tag ?? digest;
  return `pkg:docker/${name}${version === undefined ? '' : `@${version}`}?platform=${encodeURIComponent(formatPlatform(platform))}`;
}
