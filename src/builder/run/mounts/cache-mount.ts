import { posix } from 'node:path';
import type { RunMount, Stage } from '../../../dockerfile/index.ts';
import { LadingError } from '../../../errors/index.ts';
import type { RunConfig } from '../../../oci/index.ts';
import { closeFd } from '../../../sys/index.ts';
import { copyUnits } from '../../copy/copy-units.ts';
import { Rootfs } from '../../copy/rootfs.ts';
import { selectUnits } from '../../copy/select.ts';
import type { BuildSession, FileSource } from '../../session.ts';
import type { CacheMount } from '../cache-mounts.ts';
import { bindMount, targetOf, type Opening, type StepMount } from './step-mount.ts';

const NAMESPACE_ARG = 'BUILDKIT_CACHE_MOUNT_NS';
const ROOT = { uid: 0, gid: 0 };

/**
 * `--mount=type=cache`. What is in the folder does not count for the cache key: a cache may only make a step faster. As in BuildKit the id as
 * written (default: the target as written), the owner asked for and the files it begins with tell caches apart.
 */
export async function cacheMount(
  session: BuildSession,
  stage: Stage,
  config: RunConfig,
  mount: RunMount,
): Promise<StepMount> {
  const target = targetOf(config, mount.target);
  const source = posix.resolve('/', mount.source ?? '/');
  const from =
    mount.from === undefined || mount.from === '' || mount.from === 'scratch'
      ? undefined
      : await session.filesOf(session.o.graph.sourceOf(mount.from, stage));
  if (from === undefined && source !== '/') throw noFolder(source);
  const owner = from === undefined || source === '/' ? ownerOf(mount) : undefined;
  const name = mount.id || posix.normalize(mount.target ?? '');
  const namespace = session.o.args.given.get(NAMESPACE_ARG) ?? '';
  const cache: CacheMount = {
    id: JSON.stringify([namespace, name, owner ?? null, from ? originOf(from) : null]),
    mount,
    ...(from && !owner ? { seed: (folder) => seed(session, from, folder) } : {}),
  };
  return {
    key: ['cache', cache.id, source, target, mount.readOnly],
    target,
    cache,
    open: async (opening) => ({
      mounts: [bindMount(await folderOf(session, source, opening), target, mount.readOnly)],
    }),
  };
}

/** Undefined when the Dockerfile leaves owner and mode alone. A cache with an owner begins empty. */
function ownerOf({ uid, gid, mode }: RunMount): readonly (number | null)[] | undefined {
  return uid === undefined && gid === undefined && mode === undefined
    ? undefined
    : [uid ?? null, gid ?? null, mode ?? null];
}

function originOf(files: FileSource): string | null {
  return files.kind === 'layers' ? (files.chainId ?? null) : files.kind;
}

/** Copies what the cache begins with, once. */
async function seed(session: BuildSession, files: FileSource, folder: string): Promise<void> {
  const tree = await session.open(files);
  using rootfs = new Rootfs(folder);
  const options = { owner: undefined, parentOwner: ROOT, special: true, signal: session.o.signal };
  await copyUnits(rootfs, '/', tree, selectUnits(tree, ['/']), options);
}

/** The part of the cache's folder that is mounted. Steps may have put links there: none leads out, and the folder found is the one mounted. */
async function folderOf(
  session: BuildSession,
  source: string,
  { cacheFolder = '', onRelease }: Opening,
): Promise<string> {
  if (source === '/') return cacheFolder;
  using rootfs = new Rootfs(cacheFolder);
  const path = rootfs.resolve(source);
  if (!rootfs.stat(path)?.isDirectory()) throw noFolder(source);
  const fd = rootfs.openFolder(path);
  try {
    const bound = await session.o.scratch.bound(fd);
    onRelease(bound.release);
    return bound.path;
  } finally {
    closeFd(fd);
  }
}

function noFolder(source: string): LadingError {
  return new LadingError('invalid_argument', `RUN --mount=type=cache: open ${source}: no such file or directory`, {
    hint: 'source= is a path in what from= names',
  });
}
