import { existsSync } from 'node:fs';
import { LadingError } from '../../errors/index.ts';
import { hostPlatform, platformMatches, type Platform } from '../../oci/index.ts';
import type { BuildMemory } from '../attest/attestor.ts';
import type { BuildRequest } from '../types.ts';

/** What a rebuild is told besides the provenance. */
export interface RebuildRequest {
  /** Folder of the build context; default: where it was, when the image was built on this machine. */
  readonly folder?: string;
  /** Values that the provenance does not tell. */
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly secrets?: ReadonlyMap<string, Uint8Array>;
  /** By registry, for what has to be fetched. */
  readonly credentials?: NonNullable<BuildRequest['credentials']>;
  /** Compare all but modification times. */
  readonly ignoreTimes?: boolean;
}

/** A source at what it was. */
export interface Pin {
  readonly uri: string;
  readonly digest: Readonly<Record<string, string>>;
}

export interface Replay {
  readonly request: BuildRequest;
  readonly pins: readonly Pin[];
}

/**
 * The build that a provenance tells of, to be done again. One that came from a registry (`memory` is undefined) may be anybody's: of it are taken names,
 * arguments and digests, but no text to execute, no path of this machine, no entitlement.
 * @throws invalid_argument for what it does not tell */
export function replayOf(
  value: unknown,
  platform: Platform,
  memory: BuildMemory | undefined,
  options: RebuildRequest,
): Replay {
  const buildDefinition = member(value, 'buildDefinition');
  const parameters = member(buildDefinition, 'externalParameters');
  const [configSource, request] = [member(parameters, 'configSource'), member(parameters, 'request')];
  const metadata = member(member(value, 'runDetails'), 'metadata');
  const args = new Map(Object.entries(texts(request['args'])));
  const take = (name: string): string | undefined => args.get(name);
  const under = (prefix: string): Record<string, string> =>
    Object.fromEntries(
      [...args].flatMap(([key, text]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), text]] : [])),
    );
  const buildArgs = { ...under('build-arg:'), ...options.buildArgs };
  if (member(metadata, 'buildkit_completeness')['request'] !== true) checkArguments(buildArgs, memory);
  const isOwn = memory !== undefined;
  const data = isOwn ? dockerfileOf(member(member(metadata, 'buildkit_metadata'), 'source')['infos']) : undefined;
  if (!isOwn) checkSecrets(configSource, under('context:'), options);
  const networkMode = take('force-network-mode');
  if (!isOwn && networkMode === 'host') throw refused('the network of the host');
  const hosts = take('add-hosts');
  return {
    pins: pinsOf(buildDefinition['resolvedDependencies']),
    request: {
      context: contextOf(configSource, memory, options),
      dockerfile: typeof configSource['path'] === 'string' ? configSource['path'] : 'Dockerfile',
      ...(typeof data === 'string' ? { dockerfileText: Buffer.from(data, 'base64').toString('utf8') } : {}),
      tags: [],
      buildArgs,
      labels: under('label:'),
      contexts: contextsOf(under('context:'), memory),
      noCache: false,
      pull: false,
      platforms: platformMatches(hostPlatform(), platform) ? [] : [platform],
      outputs: [{ type: 'cacheonly', attrs: {} }],
      attestations: { provenance: false },
      ...given('target', take('target')),
      ...given('networkMode', networkMode),
      ...given('squash', squashMode(take('squash'))),
      ...(hosts === undefined ? {} : { extraHosts: hosts.split(',') }),
      ...given('allow', isOwn ? take('allow')?.split(',') : undefined),
      ...given('secrets', options.secrets),
      ...given('credentials', options.credentials),
    },
  };
}

function contextOf(
  { uri, digest }: { readonly uri?: unknown; readonly digest?: unknown },
  { folder: recorded }: Partial<BuildMemory> = {},
  { folder: given, folder = recorded }: RebuildRequest,
): BuildRequest['context'] {
  if (typeof uri === 'string' && given === undefined) {
    const { sha1, sha256 } = texts(digest);
    return { kind: 'git', address: atCommit(uri, sha1 ?? sha256 ?? '') };
  }
  const hint = 'give the folder it was built from with --context';
  if (folder === undefined)
    throw new LadingError('invalid_argument', 'rebuild: the provenance does not hold the build context', { hint });
  if (!existsSync(folder))
    throw new LadingError('not_found', `rebuild: the build context "${folder}" is not there`, { hint });
  return { kind: 'directory', path: folder };
}

/** The address with the commit in the place of its branch or tag. */
export function atCommit(uri: string, commit: string): string {
  if (!/^[0-9a-f]{40,64}$/.test(commit))
    throw new LadingError('invalid_argument', `rebuild: the provenance names no commit of "${uri.slice(0, 300)}"`);
  const [remote = '', fragment = ''] = uri.split('#');
  const at = fragment.indexOf(':');
  return `${remote}#${commit}${at < 0 ? '' : fragment.slice(at)}`;
}

function contextsOf(
  named: Readonly<Record<string, string>>,
  memory: BuildMemory | undefined,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(named).map(([name, value]) => {
      if (value.startsWith('/') || value.startsWith('oci-layout:')) throw refused('a folder of this machine');
      if (!value.startsWith('local:')) return [name, value];
      const path = memory?.contexts?.[name];
      if (path !== undefined) return [name, path];
      throw new LadingError('invalid_argument', `rebuild: the named context "${name}" was a folder of another machine`);
    }),
  );
}

/**
 * Who can write to a repository would otherwise name the sources, and with them the programs, that a user's secrets are shown to; a Git token, the
 * server it is sent to.
 */
function checkSecrets(
  { uri }: { readonly uri?: unknown },
  contexts: Readonly<Record<string, string>>,
  { folder, secrets }: RebuildRequest,
): void {
  if ((secrets?.size ?? 0) === 0) return;
  if (Object.keys(contexts).length === 0 && (folder !== undefined || typeof uri !== 'string')) return;
  throw new LadingError(
    'permission_denied',
    'rebuild: secrets are not shown to sources that the provenance of another machine names',
    { hint: 'check out the sources you trust and give their folder with --context, or build on this machine' },
  );
}

function squashMode(text: string | undefined): BuildRequest['squash'] {
  return text === 'stage' || text === 'since-base' ? text : undefined;
}

function refused(what: string): LadingError {
  return new LadingError('permission_denied', `rebuild: the provenance of another machine wants ${what}`);
}

/** Arguments whose values the provenance leaves out, as in mode min, have to be given. */
function checkArguments(given: Readonly<Record<string, string>>, memory: BuildMemory | undefined): void {
  const missing = memory?.buildArgNames.filter((name) => !(name in given));
  if (missing?.length === 0 || (memory === undefined && Object.keys(given).length > 0)) return;
  const which = missing === undefined ? 'all build arguments' : `the build arguments ${missing.join(', ')}`;
  throw new LadingError('invalid_argument', `rebuild: the provenance does not hold ${which}`, {
    hint: 'give them with --build-arg, or build with --provenance=mode=max',
  });
}

function pinsOf(value: unknown): Pin[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: { uri?: unknown; digest?: unknown } | null) =>
    typeof item?.uri === 'string' ? [{ uri: item.uri, digest: texts(item.digest) }] : [],
  );
}

/** A member that is an object; {} when it is anything else: a predicate may be anybody's. */
function member(value: unknown, name: string): Readonly<Record<string, unknown>> {
  const found = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {};
}

/** Base64 of the first source that is told. */
function dockerfileOf(infos: unknown): unknown {
  return Array.isArray(infos) ? member(infos, '0')['data'] : undefined;
}

/** The members of an object that are texts. */
function texts(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** A member that is there only when it has a value. */
function given<Name extends string, Value>(name: Name, value: Value | undefined): { [K in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [K in Name]?: Value };
}
