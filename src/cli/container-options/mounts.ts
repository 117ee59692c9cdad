import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { Mount } from '../../client/index.ts';
import { UsageError } from '../usage-error.ts';
import { csvOptions, keyValues, parseBytes } from './values.ts';

export interface Volumes {
  readonly binds: string[];
  /** Anonymous volumes: container paths. */
  readonly anonymous: Record<string, object>;
}

/** `--volume`: "path", "name:path[:options]" or "host:path[:options]", host paths made absolute. @throws {UsageError} */
export function parseVolumes(words: readonly string[]): Volumes {
  const result: Volumes = { binds: [], anonymous: {} };
  for (const word of words) {
    const [source = '', target, ...options] = word.split(':');
    if (word === '' || options.length > 1 || (target !== undefined && target === ''))
      throw new UsageError(
        `invalid spec: ${word}: ${word === '' ? 'empty section between colons' : 'too many colons'}`,
      );
    if (target === undefined) result.anonymous[source] = {};
    else result.binds.push([hostPath(source), target, ...options].join(':'));
  }
  return result;
}

function hostPath(source: string): string {
  if (source === '~' || source.startsWith('~/')) return resolve(homedir(), source.slice(2));
  return source.startsWith('.') ? resolve(source) : source;
}

/** `--tmpfs path[:options]` */
export function parseTmpfs(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf(':');
      return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}

/** `--mount type=…,source=…,target=…`. @throws {UsageError} */
export function parseMount(word: string): Mount {
  const mount: {
    Type: string;
    Source?: string;
    Target?: string;
    ReadOnly?: boolean;
    BindOptions?: NonNullable<Mount['BindOptions']>;
    VolumeOptions?: NonNullable<Mount['VolumeOptions']>;
    TmpfsOptions?: NonNullable<Mount['TmpfsOptions']>;
  } = { Type: 'volume' };
  for (const [key, value] of csvOptions(word)) applyOption(mount, key, value, word);
  if (mount.Type === '') throw invalid(word, 'type is required');
  if (mount.Target === undefined || mount.Target === '') throw invalid(word, 'target is required');
  return mount;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function applyOption(mount: Mutable<Mount>, key: string, value: string | undefined, word: string): void {
  const needed = (): string => {
    if (value === undefined) throw invalid(word, `invalid field '${key}' must be a key=value pair`);
    return value;
  };
  switch (key) {
    case 'type':
      mount.Type = needed().toLowerCase();
      return;
    case 'source':
    case 'src':
      mount.Source = needed().startsWith('.') ? resolve(needed()) : needed();
      return;
    case 'target':
    case 'dst':
    case 'destination':
      mount.Target = needed();
      return;
    case 'readonly':
    case 'ro':
      mount.ReadOnly = booleanOf(value, key, word);
      return;
    case 'bind-propagation':
      (mount.BindOptions ??= {}).Propagation = needed();
      return;
    case 'bind-create-src':
      (mount.BindOptions ??= {}).CreateMountpoint = booleanOf(value, key, word);
      return;
    case 'bind-nonrecursive':
      (mount.BindOptions ??= {}).NonRecursive = booleanOf(value, key, word);
      return;
    case 'volume-nocopy':
      (mount.VolumeOptions ??= {}).NoCopy = booleanOf(value, key, word);
      return;
    case 'volume-subpath':
      (mount.VolumeOptions ??= {}).Subpath = needed();
      return;
    case 'volume-label':
      Object.assign(((mount.VolumeOptions ??= {}).Labels ??= {}), keyValues([needed()]));
      return;
    case 'volume-driver':
      ((mount.VolumeOptions ??= {}).DriverConfig ??= {}).Name = needed();
      return;
    case 'volume-opt':
      Object.assign((((mount.VolumeOptions ??= {}).DriverConfig ??= {}).Options ??= {}), keyValues([needed()]));
      return;
    case 'tmpfs-size':
      (mount.TmpfsOptions ??= {}).SizeBytes = parseBytes(needed(), 'mount');
      return;
    case 'tmpfs-mode':
      if (!/^[0-7]{1,5}$/.test(needed())) throw invalid(word, `invalid value for ${key}: ${value}`);
      (mount.TmpfsOptions ??= {}).Mode = Number.parseInt(needed(), 8);
      return;
    default:
      throw invalid(word, `unexpected key '${key}' in '${key}${value === undefined ? '' : `=${value}`}'`);
  }
}

function booleanOf(value: string | undefined, key: string, word: string): boolean {
  if (value === undefined || value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw invalid(word, `invalid value for ${key}: ${value}`);
}

function invalid(word: string, why: string): UsageError {
  return new UsageError(`invalid argument "${word}" for "--mount" flag: ${why}`);
}
