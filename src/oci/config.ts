import { LadingError } from '../errors/index.ts';
import { parseDiffID, type DiffID } from './digest.ts';
import { isObject } from './is-object.ts';
import type { Platform } from './platform.ts';

/** Docker's health check as stored in configs; durations in nanoseconds, 0 or absent means inherit. */
export interface Healthcheck {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

/** The `config` object of an image config: OCI's keys plus Docker's extensions (image-spec config.md). */
export interface RunConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly ArgsEscaped?: boolean;
  readonly Healthcheck?: Healthcheck;
  readonly OnBuild?: readonly string[] | null;
  readonly Shell?: readonly string[];
}

export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

/** An image config. Unknown keys are kept in the raw bytes, which alone are stored and digested. */
export interface ImageConfig extends Platform {
  readonly created?: string;
  readonly author?: string;
  readonly config: RunConfig;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly DiffID[] };
  readonly history: readonly HistoryEntry[];
}

/** Most layers and history entries an image may have here; Docker's own limit is 127 layers. */
export const MAX_LAYERS = 500;
const MAX_HISTORY = 5000;

function check(condition: boolean, field: string, found: unknown): asserts condition {
  if (!condition)
    throw new LadingError(
      'invalid_argument',
      `invalid image config: ${field}: ${JSON.stringify(found)?.slice(0, 120)}`,
    );
}

function checkStrings(value: unknown, field: string): void {
  if (value === undefined || value === null) return;
  check(Array.isArray(value) && value.every((item) => typeof item === 'string'), field, value);
}

function checkStringMap(value: unknown, field: string): void {
  if (value === undefined || value === null) return;
  check(isObject(value) && Object.values(value).every((item) => typeof item === 'string'), field, value);
}

function checkRunConfig(config: Record<string, unknown>): void {
  for (const key of ['User', 'WorkingDir', 'StopSignal'])
    check(
      config[key] === undefined || config[key] === null || typeof config[key] === 'string',
      `config.${key}`,
      config[key],
    );
  for (const key of ['Env', 'Entrypoint', 'Cmd', 'OnBuild', 'Shell']) checkStrings(config[key], `config.${key}`);
  for (const key of ['ExposedPorts', 'Volumes'])
    check(config[key] === undefined || config[key] === null || isObject(config[key]), `config.${key}`, config[key]);
  checkStringMap(config['Labels'], 'config.Labels');
}

/** Null members mean the same as absent ones; they are dropped so that later code need not ask. */
function withoutNulls(config: Record<string, unknown>): RunConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null)) as RunConfig;
}

/** Validates parsed JSON as an image config. @throws invalid_argument naming the field */
export function parseImageConfig(value: unknown): ImageConfig {
  check(isObject(value), 'document', value);
  const rootfs = value['rootfs'];
  check(isObject(rootfs) && Array.isArray(rootfs['diff_ids']), 'rootfs.diff_ids', rootfs);
  const diffIds = rootfs['diff_ids'].map(parseDiffID);
  check(diffIds.length <= MAX_LAYERS, `rootfs.diff_ids has more than ${MAX_LAYERS} entries`, diffIds.length);
  const config = value['config'] ?? {};
  check(isObject(config), 'config', config);
  checkRunConfig(config);
  const history = value['history'] ?? [];
  check(Array.isArray(history) && history.length <= MAX_HISTORY && history.every(isObject), 'history', history);
  for (const key of ['architecture', 'os'])
    check(value[key] === undefined || typeof value[key] === 'string', key, value[key]);
  return {
    ...value,
    architecture: (value['architecture'] as string | undefined) ?? '',
    os: (value['os'] as string | undefined) ?? 'linux',
    config: withoutNulls(config),
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: history as HistoryEntry[],
  };
}
