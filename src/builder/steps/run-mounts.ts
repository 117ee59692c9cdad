import { chmod } from 'node:fs/promises';
import { posix } from 'node:path';
import type { RunMount, Stage } from '../../dockerfile/index.ts';
import { LadingError } from '../../errors/index.ts';
import { joinWorkdir } from '../config/apply-config.ts';
import type { RunConfig } from '../../oci/index.ts';
import type { ContainerMount } from '../../runtime/index.ts';
import { copyUnits } from '../copy/copy-units.ts';
import { Rootfs } from '../copy/rootfs.ts';
import type { CacheMount } from '../run/cache-mounts.ts';
import { temporaryKey } from '../scratch.ts';
import type { BuildSession, FileSource, Selection } from '../session.ts';

/** The mounts of one RUN, checked, with what they add to the step's key. */
export interface StepMounts {
  readonly key: readonly unknown[];
  readonly targets: readonly string[];
  /** Runs `work` with everything prepared, and takes it down afterwards. */
  use<T>(work: (mounts: ContainerMount[]) => Promise<T>): Promise<T>;
}

interface Prepared {
  readonly key: unknown;
  readonly target: string;
  readonly cache?: CacheMount;
  /** `folder` is the cache mount's. */
  open(folder: string | undefined, release: (work: () => Promise<void>) => void): Promise<ContainerMount>;
}

/** @throws not_implemented for secret and ssh mounts; invalid_argument for a mount that cannot be */
export async function prepareMounts(
  session: BuildSession,
  stage: Stage,
  config: RunConfig,
  mounts: readonly RunMount[],
): Promise<StepMounts> {
  const prepared: Prepared[] = [];
  for (const mount of mounts) prepared.push(await prepare(session, stage, config, mount));
  return {
    key: prepared.map(({ key }) => key),
    targets: prepared.map(({ target }) => target),
    use: (work) => {
      const caches = prepared.flatMap(({ cache }) => cache ?? []);
      return session.o.cacheMounts.use(caches, async (folders) => {
        const releases: (() => Promise<void>)[] = [];
        try {
          const ready: ContainerMount[] = [];
          const left = [...folders];
          for (const one of prepared)
            ready.push(await one.open(one.cache ? left.shift() : undefined, (release) => releases.push(release)));
          return await work(ready);
        } finally {
          for (const release of releases.reverse()) await release();
        }
      });
    },
  };
}

function prepare(
  session: BuildSession,
  stage: Stage,
  config: RunConfig,
  mount: RunMount,
): Promise<Prepared> | Prepared {
  switch (mount.type) {
    case 'bind':
      return bindMount(session, stage, mount, targetOf(config, mount));
    case 'cache':
      return cacheMount(mount, targetOf(config, mount));
    case 'tmpfs':
      return tmpfsMount(mount, targetOf(config, mount));
    default:
      throw new LadingError('not_implemented', `RUN --mount=type=${mount.type} is not supported`, {
        hint:
          mount.type === 'secret'
            ? 'there is no way to hand secrets to a build yet'
            : 'there is no agent forwarding yet',
      });
  }
}

function targetOf(config: RunConfig, mount: RunMount): string {
  if (mount.target === undefined || mount.target === '')
    throw new LadingError('invalid_argument', `RUN --mount=type=${mount.type}: no target`, {
      hint: 'add target=/path',
    });
  const target = joinWorkdir(config, mount.target);
  if (target !== '/') return target;
  throw new LadingError('invalid_argument', 'invalid mount target "/"');
}

/** Does not count for the key what is in the folder: a cache may only make a step faster. */
function cacheMount(mount: RunMount, target: string): Prepared {
  if (mount.from !== undefined && mount.from !== 'scratch')
    throw new LadingError('not_implemented', 'RUN --mount=type=cache with from= is not supported');
  const id = mount.id ?? target;
  const source = posix.resolve('/', mount.source ?? '/');
  if (source !== '/') throw new LadingError('not_implemented', 'RUN --mount=type=cache with source= is not supported');
  return {
    key: ['cache', id, target, mount.readOnly],
    target,
    cache: { id, mount },
    open: async (folder) => bind(folder!, target, mount.readOnly),
  };
}

function tmpfsMount({ sizeBytes }: RunMount, target: string): Prepared {
  const options = ['nosuid', 'nodev', 'mode=1777', ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`])];
  return {
    key: ['tmpfs', target, sizeBytes ?? null],
    target,
    open: async () => ({ type: 'tmpfs', source: 'tmpfs', target, options }),
  };
}

/** Files of the context, a stage or an image. What a step writes to a writable one is lost. */
async function bindMount(session: BuildSession, stage: Stage, mount: RunMount, target: string): Promise<Prepared> {
  const files: FileSource =
    mount.from === undefined ? { kind: 'context' } : await session.filesOf(session.o.graph.sourceOf(mount.from, stage));
  const source = mount.source ?? '/';
  const selection: Selection = {
    sources: [escapePattern(source)],
    exclude: [],
    parents: false,
    keepOwner: files.kind === 'layers',
  };
  const { digest } = await session.digest(files, selection);
  return {
    key: ['bind', target, digest, mount.readOnly],
    target,
    open: async (_folder, release) => {
      const { tree, units } = await session.select(files, selection);
      const unit = units[0]!;
      const inPlace = mount.readOnly && !tree.hasRules;
      if (inPlace) return bind(tree.hostPath(unit.path), target, true);
      if (files.kind === 'layers' && files.chainId !== undefined) {
        const path = await throwAwayLayers(session, files.chainId, release);
        return bind(unit.path === '' ? path : `${path}/${unit.path}`, target, mount.readOnly);
      }
      const folder = await session.o.scratch.folder('files');
      release(folder.release);
      await chmod(folder.path, 0o755);
      using rootfs = new Rootfs(folder.path);
      const root = { uid: 0, gid: 0 };
      const options = { owner: root, parentOwner: root, special: false, signal: session.o.signal };
      await copyUnits(rootfs, '/', tree, [{ ...unit, name: 'source' }], options);
      return bind(unit.stat.type === 'directory' ? folder.path : `${folder.path}/source`, target, mount.readOnly);
    },
  };
}

async function throwAwayLayers(
  session: BuildSession,
  chainId: Parameters<BuildSession['o']['snapshotter']['prepare']>[1],
  release: (work: () => Promise<void>) => void,
): Promise<string> {
  const { snapshotter, scratch } = session.o;
  const key = temporaryKey();
  const mount = await snapshotter.prepare(key, chainId);
  release(() => snapshotter.remove(key));
  const mounted = await scratch.mounted(mount);
  release(mounted.release);
  return mounted.path;
}

function bind(source: string, target: string, readOnly: boolean): ContainerMount {
  return { type: 'bind', source, target, options: ['rbind', 'rprivate', readOnly ? 'ro' : 'rw'] };
}

/** A bind mount's source is a path, not a pattern. */
function escapePattern(path: string): string {
  return path.replace(/[*?[\\]/g, (ch) => `\\${ch}`);
}
