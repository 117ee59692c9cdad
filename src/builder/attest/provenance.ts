import { LADING_VERSION } from '../../base/version.ts';
import { looksSecret } from '../../dockerfile/index.ts';
import { formatPlatform, hostPlatform, type Descriptor } from '../../oci/index.ts';
import type { CacheRecord } from '../cache/cache-record.ts';
import type { BuiltPlatform } from '../export/exporting.ts';
import type { Material } from '../materials.ts';
import type { BuildRequest } from '../types.ts';
import { withoutUserinfo } from '../without-userinfo.ts';

/** What a build began with. */
export interface BuildSource {
  /** RFC 3339. */
  readonly startedAt: string;
  readonly dockerfile: { readonly filename: string; readonly text: string };
  /** The context, when it is a commit. */
  readonly git?: Material;
  /** The context, when it is a folder of this machine. Never leaves it. */
  readonly folder?: string;
}

export interface ProvenanceFacts {
  readonly mode: 'min' | 'max';
  readonly request: BuildRequest;
  readonly built: BuiltPlatform;
  readonly source: BuildSource;
  readonly finishedAt: string;
  readonly invocationId: string;
  /** Of all steps; only for "max". */
  readonly records: readonly CacheRecord[];
  readonly builderId?: string | undefined;
  readonly reproducible?: boolean;
}

/** BuildKit's build type: what it says of the parameters holds for these too. */
const BUILD_TYPE = 'https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md';

/** The predicate of SLSA v1 as BuildKit fills it in. "min" leaves out argument values, secrets' names, the source and the steps. */
export function provenanceOf(facts: ProvenanceFacts): object {
  const { built, source, request, mode, records } = facts;
  const { dockerfile, git } = source;
  const parameters = parametersOf(facts);
  return {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: {
        configSource: {
          ...(git ? { uri: git.uri, digest: git.digest } : {}),
          path: dockerfile.filename,
        },
        request: { frontend: 'dockerfile.v0', ...parameters.request },
      },
      internalParameters: {
        builderPlatform: formatPlatform(hostPlatform()),
        ...(mode === 'max' ? { buildConfig: { steps: stepsOf(built, records) } } : {}),
      },
      resolvedDependencies: built.materials
        .filter(({ kind }) => kind !== 'local')
        .map(({ uri, digest }) => ({ uri, digest })),
    },
    runDetails: {
      builder: {
        id: facts.builderId ?? `pkg:npm/lading@${LADING_VERSION}`,
        version: { lading: LADING_VERSION },
      },
      metadata: {
        invocationId: facts.invocationId,
        startedOn: source.startedAt,
        finishedOn: facts.finishedAt,
        buildkit_metadata: mode === 'max' ? metadataOf(facts) : {},
        buildkit_completeness: {
          request: parameters.complete,
          resolvedDependencies: git !== undefined && !hasLocalContexts(request),
        },
        ...(facts.reproducible === true ? { buildkit_reproducible: true } : {}),
      },
    },
  };
}

const EPOCH = 'SOURCE_DATE_EPOCH';

/** Under BuildKit's names. Values of arguments that look like secrets are never told. */
function parametersOf({ request, mode, source, built }: ProvenanceFacts): { request: object; complete: boolean } {
  const args: Record<string, string> = {};
  const given = Object.entries(request.buildArgs);
  const told = given.filter(([name]) => name === EPOCH || (mode === 'max' && !isSecret(name)));
  for (const [name, value] of told) args[`build-arg:${name}`] = withoutUserinfo(value);
  if (built.epoch !== undefined) args[`build-arg:${EPOCH}`] = String(Date.parse(built.epoch) / 1000);
  for (const [name, value] of Object.entries(request.labels)) args[`label:${name}`] = value;
  for (const [name, value] of Object.entries(request.contexts ?? {}))
    args[`context:${name}`] = isLocal(value) ? `local:${name}` : withoutUserinfo(value);
  if (request.target !== undefined && request.target !== '') args['target'] = request.target;
  if (request.networkMode !== undefined) args['force-network-mode'] = request.networkMode;
  if ((request.extraHosts ?? []).length > 0) args['add-hosts'] = (request.extraHosts ?? []).join(',');
  if ((request.allow ?? []).length > 0) args['allow'] = (request.allow ?? []).join(',');
  if (request.squash !== undefined) args['squash'] = request.squash;
  const secrets = [...(request.secrets ?? new Map()).keys()].map((id: string) => ({ id }));
  const ssh = Object.keys(request.ssh ?? {}).map((id) => ({ id }));
  const locals = [
    ...(source.git ? [] : [{ name: 'context' }, { name: 'dockerfile' }]),
    ...Object.entries(request.contexts ?? {}).flatMap(([name, value]) => (isLocal(value) ? [{ name }] : [])),
  ];
  return {
    request: {
      args: Object.fromEntries(Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1))),
      ...(mode === 'max' && secrets.length > 0 ? { secrets } : {}),
      ...(mode === 'max' && ssh.length > 0 ? { ssh } : {}),
      ...(locals.length > 0 ? { locals } : {}),
    },
    complete: told.length === given.length,
  };
}

function isSecret(name: string): boolean {
  return looksSecret(name) || /_proxy$/i.test(name);
}

function isLocal(context: string): boolean {
  return context.startsWith('/') || context.startsWith('oci-layout:');
}

function hasLocalContexts({ contexts = {} }: BuildRequest): boolean {
  return Object.values(contexts).some(isLocal);
}

function stepsOf(built: BuiltPlatform, records: readonly CacheRecord[]): object[] {
  const ids = new Map(records.map(({ layer }, i) => [layer?.chainId, `step${i}`]));
  return records.map(({ key, kind, text, parent, layer, createdAt, durationMs }, i) => ({
    id: `step${i}`,
    kind,
    instruction: text,
    ...stageOf(built, key),
    cacheKey: `sha256:${key}`,
    inputs: parent !== undefined && ids.has(parent) ? [ids.get(parent)] : [],
    ...(layer ? { output: { digest: layer.diffId, size: layer.blob.size } } : {}),
    ...(durationMs === undefined
      ? {}
      : { startedOn: new Date(Date.parse(createdAt) - durationMs).toISOString(), finishedOn: createdAt }),
  }));
}

function stageOf({ origins }: BuiltPlatform, key: string): object {
  const origin = origins.get(key);
  return origin ? { stage: origin.stage, line: origin.line } : {};
}

/** The Dockerfile, where in it each step is, and the layers it made. */
function metadataOf({ source, built, records }: ProvenanceFacts): object {
  const { filename, text } = source.dockerfile;
  const locations: Record<string, object> = {};
  const layers: Record<string, Descriptor[][]> = {};
  for (const [i, { key, layer }] of records.entries()) {
    const line = built.origins.get(key)?.line;
    if (line !== undefined) locations[`step${i}`] = { locations: [{ ranges: [{ start: { line }, end: { line } }] }] };
    if (layer) layers[`step${i}:0`] = [[layer.blob]];
  }
  const data = Buffer.from(withoutUserinfo(text)).toString('base64');
  return { source: { locations, infos: [{ filename, language: 'Dockerfile', data }] }, layers };
}
