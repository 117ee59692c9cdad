import { isAbsolute } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import type { BuildRequest, BuildSettings, ContextSource } from '../../../engine/index.ts';
import { LadingError } from '../../../errors/index.ts';
import { parsePlatform } from '../../../oci/index.ts';
import type { Call } from '../../http/call.ts';
import { boolean, integer, isZero, list, map, object, pick, shape, string, type Check } from '../../http/fields.ts';
import { requireTrustedPeer } from '../../http/peer.ts';
import { credentialsOf } from '../../http/registry-auth.ts';

/**
 * Media type of lading's own build request: four bytes, big-endian, with the length of a JSON document; the document
 * (`BuildSettings`, `context`, `secrets` in base64, `platforms` as texts); then, for a context of kind "tar", the tar.
 */
export const BUILD_REQUEST = 'application/vnd.lading.build-request';

const MAX_SETTINGS = 32 << 20;
const TYPED = list(shape({ type: string, attrs: map(string) }));

const SETTINGS: Readonly<Record<string, Check>> = {
  dockerfile: string,
  dockerfileText: string,
  ignoreText: string,
  tags: list(string),
  buildArgs: map(string),
  labels: map(string),
  target: string,
  noCache: boolean,
  noCacheFilter: list(string),
  pull: boolean,
  networkMode: string,
  extraHosts: list(string),
  contexts: map(string),
  ssh: map(string),
  allow: list(string),
  limits: object,
  ulimits: list(shape({ Name: string, Soft: integer, Hard: integer })),
  shmSizeBytes: integer,
  cgroupParent: string,
  cacheFrom: TYPED,
  cacheTo: TYPED,
  outputs: TYPED,
  annotations: list(string),
  attestations: shape({
    form: oneOf('referrers', 'index'),
    provenance: orFalse(shape({ mode: oneOf('min', 'max'), attrs: map(string) })),
    sbom: orFalse(shape({ attrs: map(string) })),
  }),
  squash: oneOf('stage', 'since-base'),
  call: oneOf('build', 'check', 'outline', 'targets'),
  explain: boolean,
  onError: oneOf('shell'),
  name: string,
};

/** Nothing else reaches the runtime's resources. */
const LIMITS: Readonly<Record<string, Check>> = {
  memoryBytes: integer,
  memorySwapBytes: integer,
  cpuShares: integer,
  cpuPeriodUs: integer,
  cpuQuotaUs: integer,
  cpusetCpus: string,
  cpusetMems: string,
  pids: integer,
  timeoutMs: integer,
};

const REST: Readonly<Record<string, Check>> = {
  context: shape({ kind: oneOf('directory', 'tar', 'git', 'http'), path: string, address: string }),
  platforms: list(string),
  secrets: map(string),
  credentials: shape({}),
};

/** `false`, or what the check takes. */
function orFalse(check: Check): Check {
  return (value, field) => {
    if (value !== false) check(value, field);
  };
}

function oneOf(...words: readonly string[]): Check {
  return (value, field) => {
    if (!words.includes(value as string))
      throw new LadingError(
        'invalid_argument',
        `invalid ${field}: ${JSON.stringify(value)}: one of ${words.join(', ')} is wanted`,
      );
  };
}

/** Reads a request of lading's own client. @throws invalid_argument; permission_denied for paths of a peer that may not name any */
export async function parseBuildRequest(call: Call): Promise<BuildRequest> {
  const body = call.request.pipe(new PassThrough());
  const document = await readHead(body);
  const settings = pick(document, SETTINGS, 'build') as unknown as Partial<BuildSettings>;
  const { context, platforms, secrets, credentials } = pick(document, REST, 'build') as {
    context?: Record<string, string>;
    platforms?: string[];
    secrets?: Record<string, string>;
    credentials?: Record<string, unknown>;
  };
  if (namesPaths(settings)) requireTrustedPeer(call, 'cannot use files and sockets of this machine for a build');
  return {
    dockerfile: 'Dockerfile',
    tags: [],
    buildArgs: {},
    labels: {},
    noCache: false,
    pull: false,
    ...settings,
    limits: pick(settings.limits ?? {}, LIMITS, 'build.limits'),
    platforms: (platforms ?? []).map((text) => parsePlatform(text)),
    secrets: new Map(Object.entries(secrets ?? {}).map(([id, text]) => [id, Buffer.from(text, 'base64')])),
    credentials: credentialsOf(credentials),
    context: contextOf(call, context ?? {}, body),
  };
}

function contextOf(call: Call, context: Readonly<Record<string, string>>, body: Readable): ContextSource {
  const { kind, path = '', address = '' } = context;
  if (kind === 'git' || kind === 'http') return { kind, address };
  if (kind !== 'directory') return { kind: 'tar', stream: body };
  requireTrustedPeer(call);
  if (!isAbsolute(path) || path.includes('\0'))
    throw new LadingError(
      'invalid_argument',
      `invalid build context: "${path.slice(0, 300)}": an absolute path is wanted`,
    );
  return { kind, path };
}

/** What the daemon would read, connect to or write to in the client's name. */
function namesPaths({ contexts = {}, ssh = {}, cacheFrom = [], cacheTo = [] }: Partial<BuildSettings>): boolean {
  const isPath = (value: string): boolean => value.startsWith('/') || value.startsWith('oci-layout://');
  return (
    !isZero(ssh) ||
    Object.values(contexts).some(isPath) ||
    [...cacheFrom, ...cacheTo].some(({ type }) => type === 'local')
  );
}

async function readHead(body: Readable): Promise<unknown> {
  const size = (await take(body, 4)).readUInt32BE();
  if (size > MAX_SETTINGS)
    throw new LadingError(
      'invalid_argument',
      `invalid build request: settings of ${size} bytes, more than ${MAX_SETTINGS}`,
    );
  const text = (await take(body, size)).toString('utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LadingError('invalid_argument', 'invalid build request: its settings are not JSON', { cause: error });
  }
}

/** Exactly `size` bytes; what follows stays in the stream. */
async function take(stream: Readable, size: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let missing = size;
  while (missing > 0) {
    const chunk = (stream.read(Math.min(missing, Math.max(1, stream.readableLength))) ?? undefined) as
      | Buffer
      | undefined;
    if (chunk) {
      chunks.push(chunk);
      missing -= chunk.length;
    } else if (stream.readableEnded || stream.destroyed)
      throw new LadingError('invalid_argument', 'invalid build request: it ended early');
    else await readable(stream);
  }
  return Buffer.concat(chunks);
}

function readable(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['readable', 'end', 'close', 'error']) stream.off(event, done);
      resolve();
    };
    for (const event of ['readable', 'end', 'close', 'error']) stream.once(event, done);
  });
}
