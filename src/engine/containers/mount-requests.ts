import { posix } from 'node:path';
import { LadingError } from '../../errors/index.ts';
import type { ContainerConfig, HostConfig } from '../types.ts';

/** One mount asked for, in one form whatever flag it came from. */
export type RequestedMount =
  | {
      readonly type: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly propagation: string;
      readonly mustExist: boolean;
      readonly mode: string;
    }
  | {
      readonly type: 'volume';
      readonly name: string | undefined;
      readonly target: string;
      readonly readOnly: boolean;
      readonly noCopy: boolean;
      readonly mode: string;
      readonly labels: Readonly<Record<string, string>>;
    }
  | { readonly type: 'tmpfs'; readonly target: string; readonly options: readonly string[] };

const PROPAGATION = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']);
const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

function invalid(message: string, hint?: string): LadingError {
  return new LadingError('invalid_argument', message, hint === undefined ? {} : { hint });
}

function checkTarget(target: string, text: string): string {
  if (!target.startsWith('/'))
    throw invalid(`invalid volume specification: '${text}': invalid mount config: mount path must be absolute`);
  const clean = posix.normalize(target).replace(/(.)\/+$/, '$1');
  if (clean === '/') throw invalid(`invalid volume specification: '${text}': destination can't be '/'`);
  return clean;
}

/** Everything mounted into a container: --mount, -v, --tmpfs, and the image's volumes. @throws invalid_argument, also when two want one place */
export function requestedMounts(config: ContainerConfig, hostConfig: HostConfig): RequestedMount[] {
  const byTarget = new Map<string, RequestedMount>();
  const add = (mount: RequestedMount): void => {
    if (byTarget.has(mount.target)) throw invalid(`Duplicate mount point: ${mount.target}`);
    byTarget.set(mount.target, mount);
  };
  for (const bind of hostConfig.Binds ?? []) add(parseBind(bind));
  for (const mount of hostConfig.Mounts ?? []) add(fromMount(mount));
  for (const [target, options] of Object.entries(hostConfig.Tmpfs ?? {}))
    add({ type: 'tmpfs', target: checkTarget(target, target), options: options === '' ? [] : options.split(',') });
  for (const target of Object.keys(config.Volumes ?? {})) {
    const clean = checkTarget(target, target);
    if (!byTarget.has(clean))
      add({ type: 'volume', name: undefined, target: clean, readOnly: false, noCopy: false, mode: '', labels: {} });
  }
  return [...byTarget.values()].sort((a, b) => (a.target < b.target ? -1 : 1));
}

/** `source:target[:options]` or `target`. */
function parseBind(text: string): RequestedMount {
  const parts = text.split(':');
  if (parts.length > 3 || parts.some((part) => part === '')) throw invalid(`invalid volume specification: '${text}'`);
  const [first = '', second, mode = ''] = parts;
  if (second === undefined)
    return {
      type: 'volume',
      name: undefined,
      target: checkTarget(first, text),
      readOnly: false,
      noCopy: false,
      mode: '',
      labels: {},
    };
  const options = mode.split(',').filter((option) => option !== '');
  for (const option of options)
    if (
      !PROPAGATION.has(option) &&
      !['ro', 'rw', 'z', 'Z', 'nocopy', 'consistent', 'cached', 'delegated'].includes(option)
    )
      throw invalid(`invalid volume specification: '${text}': invalid mode: ${mode}`);
  const target = checkTarget(second, text);
  const readOnly = options.includes('ro');
  if (first.startsWith('/')) {
    const propagation = options.find((option) => PROPAGATION.has(option)) ?? 'rprivate';
    return { type: 'bind', source: posix.normalize(first), target, readOnly, propagation, mustExist: false, mode };
  }
  if (!VOLUME_NAME.test(first))
    throw invalid(
      `create ${first}: "${first}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
      'if you intended to pass a host directory, use an absolute path',
    );
  return {
    type: 'volume',
    name: first,
    target,
    readOnly,
    noCopy: options.includes('nocopy'),
    mode: mode || 'z',
    labels: {},
  };
}

function fromMount(mount: NonNullable<HostConfig['Mounts']>[number]): RequestedMount {
  const text = `${mount.Type}:${mount.Target}`;
  const target = checkTarget(mount.Target ?? '', text);
  const readOnly = mount.ReadOnly ?? false;
  switch (mount.Type) {
    case 'bind': {
      const source = mount.Source ?? '';
      if (!source.startsWith('/'))
        throw invalid(
          `invalid mount config for type "bind": invalid mount path: '${source}' mount path must be absolute`,
        );
      return {
        type: 'bind',
        source: posix.normalize(source),
        target,
        readOnly,
        propagation: mount.BindOptions?.Propagation || 'rprivate',
        mustExist: !(mount.BindOptions?.CreateMountpoint ?? false),
        mode: '',
      };
    }
    case 'volume': {
      const name = mount.Source || undefined;
      if (name !== undefined && !VOLUME_NAME.test(name))
        throw invalid(`invalid mount config for type "volume": invalid volume name: "${name}"`);
      return {
        type: 'volume',
        name,
        target,
        readOnly,
        noCopy: mount.VolumeOptions?.NoCopy ?? false,
        mode: 'z',
        labels: mount.VolumeOptions?.Labels ?? {},
      };
    }
    case 'tmpfs': {
      const size = mount.TmpfsOptions?.SizeBytes;
      const mode = mount.TmpfsOptions?.Mode;
      return {
        type: 'tmpfs',
        target,
        options: [...(size ? [`size=${size}`] : []), ...(mode ? [`mode=${mode.toString(8)}`] : [])],
      };
    }
    default:
      throw new LadingError('not_implemented', `mount type "${String(mount.Type)}" is not supported`, {
        hint: 'use bind, volume or tmpfs',
      });
  }
}
