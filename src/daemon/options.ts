import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LadingError, errnoOf, messageOf } from '../errors/index.ts';

/** What ladingd was told; names follow dockerd's flags. */
export interface DaemonOptions {
  /** unix:///path, or tcp://127.0.0.1:port. */
  readonly hosts: readonly string[];
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly pidfile: string;
  readonly debug: boolean;
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  readonly runtime: string | undefined;
  readonly group: string | undefined;
  /** Limits of the build cache. */
  readonly buildCache?: {
    readonly maxUsedBytes?: number;
    readonly reservedBytes?: number;
    readonly minFreeBytes?: number;
    readonly maxAgeMs?: number;
  };
}

export const DAEMON_HELP = `Usage: ladingd [OPTIONS]

The lading daemon: serves the Docker Engine API on a unix socket.

Options:
  -H, --host list                Where to listen (default "unix:///run/lading/lading.sock")
      --data-root string         Folder of images, containers and volumes (default "/var/lib/lading")
      --exec-root string         Folder of run-time state (default "/run/lading")
  -p, --pidfile string           File for the daemon's process id (default "<exec-root>/ladingd.pid")
  -D, --debug                    Log more
  -G, --group string             Group that may use the socket (default: root's)
      --insecure-registry list   Registries that may use plain HTTP or unverified TLS
      --registry-mirror list     Mirrors of Docker Hub, asked first
      --default-runtime string   OCI runtime: a name or a path (default: crun, else runc)
      --build-cache-max-size string  Most the build cache may take (default "100GB", or 80% of a smaller disk)
      --build-cache-reserved string  Size below which nothing of it is removed (default 10% of the disk, 10GB at most)
      --build-cache-min-free string  Of the disk, to stay free (default 20%)
      --build-cache-max-age string   What is unused for longer goes (default "1440h"); "0" is never
      --config-file string       JSON file with the same options (default "/etc/lading/daemon.json")
  -v, --version                  Print the version
      --help                     Print this
`;

interface RawOptions {
  readonly values: Map<string, string[]>;
  readonly flags: Set<string>;
}

const LISTS = ['host', 'insecure-registry', 'registry-mirror'];
const BUILD_CACHE = ['max-size', 'reserved', 'min-free', 'max-age'].map((name) => `build-cache-${name}`);
const STRINGS = [...BUILD_CACHE, 'data-root', 'exec-root', 'pidfile', 'config-file', 'default-runtime', 'group'];
const BOOLEANS = ['debug', 'help', 'version'];
const SHORT: Readonly<Record<string, string>> = {
  '-H': '--host',
  '-p': '--pidfile',
  '-D': '--debug',
  '-G': '--group',
  '-v': '--version',
};

function readArguments(argv: readonly string[]): RawOptions {
  const values = new Map<string, string[]>();
  const flags = new Set<string>();
  for (let i = 0; i < argv.length; i++) {
    const argument = SHORT[argv[i] ?? ''] ?? argv[i] ?? '';
    const [name = '', inline] = splitOnce(argument);
    const key = name.replace(/^--/, '');
    if (!name.startsWith('--')) throw new LadingError('invalid_argument', `ladingd takes no arguments: "${argument}"`);
    if (BOOLEANS.includes(key)) {
      if (inline !== 'false') flags.add(key);
    } else if (LISTS.includes(key) || STRINGS.includes(key)) {
      const value = inline ?? argv[++i];
      if (value === undefined) throw new LadingError('invalid_argument', `flag needs an argument: ${name}`);
      values.set(key, [...(LISTS.includes(key) ? (values.get(key) ?? []) : []), value]);
    } else throw new LadingError('invalid_argument', `unknown flag: ${name}`, { hint: 'see ladingd --help' });
  }
  return { values, flags };
}

function splitOnce(text: string): [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** Keys of the configuration file, dockerd's: lists are plural. */
const FILE_KEYS: Readonly<Record<string, string>> = {
  hosts: 'host',
  'data-root': 'data-root',
  'exec-root': 'exec-root',
  pidfile: 'pidfile',
  'insecure-registries': 'insecure-registry',
  'registry-mirrors': 'registry-mirror',
  'default-runtime': 'default-runtime',
  group: 'group',
  ...Object.fromEntries(BUILD_CACHE.map((name) => [name, name])),
};

function readConfigFile(path: string, required: boolean, raw: RawOptions): void {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && !required) return;
    throw new LadingError('invalid_argument', `read configuration file "${path}": ${messageOf(error)}`, {
      cause: error,
    });
  }
  const value: unknown = parse(text, path);
  for (const [key, setting] of Object.entries(value as Record<string, unknown>)) {
    if (key === 'debug') {
      if (setting === true) raw.flags.add('debug');
      continue;
    }
    const flag = FILE_KEYS[key];
    if (flag === undefined)
      throw new LadingError('invalid_argument', `configuration file "${path}": unknown key "${key}"`, {
        hint: `known keys: debug, ${Object.keys(FILE_KEYS).join(', ')}`,
      });
    const items = Array.isArray(setting) ? setting : [setting];
    if (!items.every((item) => typeof item === 'string'))
      throw new LadingError('invalid_argument', `configuration file "${path}": "${key}" must be text`);
    if (!raw.values.has(flag)) raw.values.set(flag, items);
  }
}

function parse(text: string, path: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    throw new LadingError('invalid_argument', `configuration file "${path}": ${messageOf(error)}`, { cause: error });
  }
  throw new LadingError('invalid_argument', `configuration file "${path}": not a JSON object`);
}

/** Flags over the configuration file over defaults. @throws invalid_argument */
export function parseDaemonOptions(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  uid = process.getuid?.() ?? 0,
): DaemonOptions | 'help' | 'version' {
  const raw = readArguments(argv);
  if (raw.flags.has('help')) return 'help';
  if (raw.flags.has('version')) return 'version';
  const configFile = raw.values.get('config-file')?.[0];
  readConfigFile(configFile ?? '/etc/lading/daemon.json', configFile !== undefined, raw);
  const one = (key: string): string | undefined => raw.values.get(key)?.[0];
  const rootless = uid !== 0;
  const execRoot =
    one('exec-root') ?? (rootless ? join(env['XDG_RUNTIME_DIR'] ?? `/run/user/${uid}`, 'lading') : '/run/lading');
  const dataRoot =
    one('data-root') ??
    (rootless ? join(env['XDG_DATA_HOME'] ?? join(env['HOME'] ?? '/', '.local/share'), 'lading') : '/var/lib/lading');
  return {
    hosts: raw.values.get('host') ?? [`unix://${join(execRoot, 'lading.sock')}`],
    dataRoot,
    execRoot,
    pidfile: one('pidfile') ?? join(execRoot, 'ladingd.pid'),
    debug: raw.flags.has('debug'),
    insecureRegistries: raw.values.get('insecure-registry') ?? [],
    registryMirrors: raw.values.get('registry-mirror') ?? [],
    runtime: one('default-runtime'),
    group: one('group'),
    buildCache: buildCacheLimits(one),
  };
}

/** 0 is no limit, absent the default. */
function buildCacheLimits(one: (key: string) => string | undefined): NonNullable<DaemonOptions['buildCache']> {
  const given = <Name extends string>(name: Name, flag: string, read: (text: string, flag: string) => number) => {
    const text = one(flag);
    return (text === undefined ? {} : { [name]: read(text, flag) }) as { [K in Name]?: number };
  };
  return {
    ...given('maxUsedBytes', 'build-cache-max-size', bytesOf),
    ...given('reservedBytes', 'build-cache-reserved', bytesOf),
    ...given('minFreeBytes', 'build-cache-min-free', bytesOf),
    ...given('maxAgeMs', 'build-cache-max-age', hoursOf),
  };
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/** "20GB", "500MB", as dockerd's defaultKeepStorage. */
function bytesOf(text: string, flag: string): number {
  const match = /^(\d+(?:\.\d+)?)\s?([kmgt]?)b?$/i.exec(text.trim());
  if (match) return Math.trunc(Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] ?? 1));
  throw new LadingError('invalid_argument', `invalid argument "${text}" for --${flag}: a size like "20GB" is wanted`);
}

function hoursOf(text: string, flag: string): number {
  const match = /^(?:0|(\d+(?:\.\d+)?)(h|m|s))$/.exec(text.trim());
  if (!match)
    throw new LadingError('invalid_argument', `invalid argument "${text}" for --${flag}: a time like "72h" is wanted`);
  return Number(match[1] ?? 0) * { h: 3600e3, m: 60e3, s: 1e3 }[(match[2] ?? 's') as 'h' | 'm' | 's'];
}
