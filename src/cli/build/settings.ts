import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BuildSettings } from '../../client/index.ts';
import { LadingError } from '../../errors/index.ts';
import { formatReference, isGitAddress, parseReference, withDefaultTag } from '../../oci/index.ts';
import { keyValues, parseBytes, parseDuration } from '../container-options/values.ts';
import type { FlagValues } from '../flags.ts';
import { UsageError } from '../usage-error.ts';
import { attestations } from './attestations.ts';
import { callOf } from './call.ts';
import { extraHosts } from './extra-hosts.ts';
import { fieldsOf, parseTyped, type TypedOptions } from './typed-options.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the flags of `build` ask for; secrets, ssh and the context are read elsewhere. @throws {UsageError} */
export function settingsOf(flags: FlagValues, env: Environment): BuildSettings {
  return {
    dockerfile: 'Dockerfile',
    tags: flags.list('tag').map((tag) => formatReference(withDefaultTag(parseReference(tag)))),
    buildArgs: buildArgs(flags.list('build-arg'), env),
    labels: keyValues(flags.list('label')),
    noCache: flags.bool('no-cache'),
    noCacheFilter: commas(flags.list('no-cache-filter')),
    pull: flags.bool('pull'),
    platforms: commas(flags.list('platform')),
    extraHosts: extraHosts(flags.list('add-host')),
    contexts: contexts(flags.list('build-context')),
    allow: commas(flags.list('allow')),
    ulimits: flags.list('ulimit').map(ulimit),
    limits: limits(flags),
    cacheFrom: flags.list('cache-from').map((text) => cacheOption(text, 'cache-from')),
    cacheTo: flags.list('cache-to').map((text) => cacheOption(text, 'cache-to')),
    outputs: outputs(flags),
    annotations: [...flags.list('annotation')],
    explain: flags.bool('explain'),
    call: callOf(flags).call,
    ...given('target', flags.text('target')),
    ...given('networkMode', flags.text('network')),
    ...given('cgroupParent', flags.text('cgroup-parent')),
    ...given('name', flags.text('name')),
    ...given(
      'shmSizeBytes',
      mapped(flags.text('shm-size'), (text) => parseBytes(text, 'shm-size')),
    ),
    ...given(
      'squash',
      mapped(flags.text('squash'), (text) => oneOf('squash', text, 'stage', 'since-base')),
    ),
    ...given(
      'onError',
      mapped(flags.text('on-error'), (text) => oneOf('on-error', text, 'shell')),
    ),
    ...given('attestations', attestations(flags, env)),
  };
}

/** "NAME" alone takes this process's value and is left out without one. */
function buildArgs(words: readonly string[], env: Environment): Record<string, string> {
  const given: Record<string, string> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    const name = at < 0 ? word : word.slice(0, at);
    const value = at < 0 ? env[name] : word.slice(at + 1);
    if (value !== undefined) given[name] = value;
  }
  // As buildx does: the variable of the environment holds for builds, too.
  const epoch = env['SOURCE_DATE_EPOCH'];
  return epoch === undefined || epoch === '' || 'SOURCE_DATE_EPOCH' in given
    ? given
    : { ...given, SOURCE_DATE_EPOCH: epoch };
}

/** Folders become absolute: the daemon has another working directory. */
function contexts(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      if (at <= 0) throw new UsageError(`invalid context value: ${word}, expected key=value`);
      return [word.slice(0, at), contextValue(word.slice(0, at), word.slice(at + 1))];
    }),
  );
}

function contextValue(name: string, value: string): string {
  const layout = /^oci-layout:\/\/(.*)$/.exec(value)?.[1];
  if (layout !== undefined) return `oci-layout://${resolve(layout)}`;
  if (/^(?:docker-image|target|https?):/.test(value) || isGitAddress(value)) return value;
  if (existsSync(value)) return resolve(value);
  throw new LadingError('not_found', `failed to get build context ${name}: stat ${value}: no such file or directory`);
}

function cacheOption(text: string, flag: string): TypedOptions {
  const { type, attrs } = parseTyped(text, flag, (ref) => ({ type: 'registry', attrs: { ref } }));
  if (type !== 'local') return { type, attrs };
  const paths = Object.entries(attrs).map(([key, value]) => [
    key,
    key === 'src' || key === 'dest' ? resolve(value) : value,
  ]);
  return { type, attrs: Object.fromEntries(paths) };
}

/** Types that go to standard output when no dest is given. */
const TO_STDOUT = ['tar', 'oci'];

/** A path alone is a folder, "-" a tar on standard output, as buildx has it. `--push` makes an image output one that is pushed. */
function outputs(flags: FlagValues): TypedOptions[] {
  const found = flags
    .list('output')
    .map((text) =>
      parseTyped(text, 'output', (dest) =>
        dest === '-' ? { type: 'tar', attrs: { dest } } : { type: 'local', attrs: { dest } },
      ),
    )
    .map(({ type, attrs }) =>
      TO_STDOUT.includes(type) && !attrs['dest'] ? { type, attrs: { ...attrs, dest: '-' } } : { type, attrs },
    );
  const image = found.findIndex(({ type }) => type === 'image' || type === 'registry');
  if (flags.bool('push')) {
    const own = found[image];
    if (own) found[image] = { ...own, attrs: { ...own.attrs, push: 'true' } };
    else found.push({ type: 'registry', attrs: {} });
  }
  const stored = found.some(
    ({ type, attrs }) => type === 'image' || type === 'registry' || (type === 'docker' && !attrs['dest']),
  );
  if (flags.bool('load') && !stored) found.push({ type: 'image', attrs: {} });
  return found;
}

const LIMITS: Readonly<Record<string, (text: string) => Readonly<Record<string, number | string>>>> = {
  memory: (text) => ({ memoryBytes: parseBytes(text, 'memory') }),
  'memory-swap': (text) => ({ memorySwapBytes: text === '-1' ? -1 : parseBytes(text, 'memory-swap') }),
  'cpu-shares': (text) => ({ cpuShares: whole(text, 'cpu-shares') }),
  'cpu-period': (text) => ({ cpuPeriodUs: whole(text, 'cpu-period') }),
  'cpu-quota': (text) => ({ cpuQuotaUs: whole(text, 'cpu-quota') }),
  'cpuset-cpus': (text) => ({ cpusetCpus: text }),
  'cpuset-mems': (text) => ({ cpusetMems: text }),
  pids: (text) => ({ pids: whole(text, 'pids') }),
  timeout: (text) => ({ timeoutMs: Math.ceil(parseDuration(text, 'resource') / 1e6) }),
};

/** `--memory 1g` and `--resource memory=1g` are the same. */
function limits(flags: FlagValues): NonNullable<BuildSettings['limits']> {
  const found: Record<string, number | string> = {};
  for (const [name, read] of Object.entries(LIMITS)) {
    const value = flags.text(name);
    if (value !== undefined) Object.assign(found, read(value));
  }
  for (const field of flags.list('resource').flatMap((text) => fieldsOf(text, 'resource'))) {
    const at = field.indexOf('=');
    const read = LIMITS[field.slice(0, at)];
    if (at < 0 || read === undefined)
      throw new UsageError(
        `invalid value "${field}" for --resource: one of ${Object.keys(LIMITS).join(', ')} with =value is wanted`,
      );
    Object.assign(found, read(field.slice(at + 1)));
  }
  return found;
}

function whole(text: string, flag: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new UsageError(`invalid argument "${text}" for "--${flag}": a whole number is wanted`);
  return Number(text);
}

/** "nofile=1024[:2048]" */
function ulimit(text: string): { Name: string; Soft: number; Hard: number } {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (!match) throw new UsageError(`invalid argument "${text}" for "--ulimit" flag: name=soft[:hard] is wanted`);
  const soft = Number(match[2]);
  return { Name: match[1] ?? '', Soft: soft, Hard: match[3] === undefined ? soft : Number(match[3]) };
}

function commas(words: readonly string[]): string[] {
  return words
    .flatMap((word) => word.split(','))
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function oneOf<Word extends string>(flag: string, text: string, ...words: Word[]): Word {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw new UsageError(
    `invalid argument "${text}" for "--${flag}" flag: ${words.length === 1 ? '' : 'one of '}${words.join(', ')} is wanted`,
  );
}

function mapped<In, Out>(value: In | undefined, read: (value: In) => Out): Out | undefined {
  return value === undefined ? undefined : read(value);
}

/** A member that is there only when it has a value. */
function given<Name extends string, Value>(name: Name, value: Value | undefined): { [K in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [K in Name]?: Value };
}
