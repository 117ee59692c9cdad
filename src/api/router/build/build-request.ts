import { PassThrough } from 'node:stream';
import { isGitAddress } from '../../../oci/index.ts';
import type { BuildRequest, ContextSource } from '../../../engine/index.ts';
import { LadingError } from '../../../errors/index.ts';
import type { Call } from '../../http/call.ts';
import { integer as checkInteger, shape, string, withoutZeros } from '../../http/fields.ts';
import { flag, integer, jsonList, jsonTexts, platform, text } from '../../http/query.ts';
import { registryConfig } from '../../http/registry-auth.ts';
import { BUILD_REQUEST, parseBuildRequest } from './build-settings.ts';

/** Docker takes an address without a scheme for http. */
function withScheme(address: string): string {
  return address.includes('://') ? address : `http://${address}`;
}

function contextOf(call: Call): ContextSource {
  const remote = text(call.query, 'remote');
  if (remote === undefined || remote === 'client-session')
    return { kind: 'tar', stream: call.request.pipe(new PassThrough()) };
  return isGitAddress(remote) ? { kind: 'git', address: remote } : { kind: 'http', address: withScheme(remote) };
}

function optionalTexts(query: URLSearchParams): { target?: string; networkMode?: string } {
  const [target, networkMode] = [text(query, 'target'), text(query, 'networkmode')];
  return { ...(target === undefined ? {} : { target }), ...(networkMode === undefined ? {} : { networkMode }) };
}

/** What a step may take: `memory`, `memswap`, `cpushares`, … as Docker names them; 0 is no limit. @throws invalid_argument */
function limits(query: URLSearchParams): Pick<BuildRequest, 'limits' | 'shmSizeBytes' | 'cgroupParent' | 'ulimits'> {
  const numbers = {
    memoryBytes: integer(query, 'memory'),
    memorySwapBytes: integer(query, 'memswap'),
    cpuShares: integer(query, 'cpushares'),
    cpuPeriodUs: integer(query, 'cpuperiod'),
    cpuQuotaUs: integer(query, 'cpuquota'),
  };
  const [cpusetCpus, cpusetMems, cgroupParent] = ['cpusetcpus', 'cpusetmems', 'cgroupparent'].map((name) =>
    text(query, name),
  );
  const shmSizeBytes = integer(query, 'shmsize');
  return {
    limits: {
      ...(withoutZeros(numbers) as BuildRequest['limits']),
      ...(cpusetCpus === undefined ? {} : { cpusetCpus }),
      ...(cpusetMems === undefined ? {} : { cpusetMems }),
    },
    ulimits: jsonList(query, 'ulimits', ULIMIT) as NonNullable<BuildRequest['ulimits']>,
    ...(shmSizeBytes ? { shmSizeBytes } : {}),
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
  };
}

const ULIMIT = shape({ Name: string, Soft: checkInteger, Hard: checkInteger });

/** Query, headers and body of POST /build. @throws invalid_argument, permission_denied, not_implemented */
export async function parseBuild(call: Call): Promise<BuildRequest> {
  const { query, request } = call;
  if (request.headers['content-type'] === BUILD_REQUEST) return parseBuildRequest(call);
  if (text(query, 'version') === '2')
    throw new LadingError('not_implemented', 'BuildKit builds (version=2) are not supported by this endpoint', {
      hint: 'set DOCKER_BUILDKIT=0, or build with lading',
    });
  const wanted = platform(query);
  return {
    tags: query.getAll('t').filter((tag) => tag !== ''),
    dockerfile: text(query, 'dockerfile') ?? 'Dockerfile',
    // Docker's clients leave out what .dockerignore says before they send; archives are taken as they are.
    ignoreText: '',
    buildArgs: jsonTexts(query, 'buildargs'),
    labels: jsonTexts(query, 'labels'),
    noCache: flag(query, 'nocache'),
    pull: flag(query, 'pull'),
    extraHosts: query.getAll('extrahosts').flatMap((hosts) => hosts.split(',')),
    credentials: registryConfig(request.headers),
    ...optionalTexts(query),
    ...limits(query),
    ...(flag(query, 'squash') ? { squash: 'since-base' as const } : {}),
    ...(wanted === undefined ? {} : { platforms: [wanted] }),
    context: contextOf(call),
  };
}
