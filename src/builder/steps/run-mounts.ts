import type { RunMount, Stage } from '../../dockerfile/index.ts';
import type { RunConfig } from '../../oci/index.ts';
import type { ContainerMount } from '../../runtime/index.ts';
import { filesMount } from '../run/mounts/bind-mount.ts';
import { cacheMount } from '../run/mounts/cache-mount.ts';
import { secretMount } from '../run/mounts/secret-mount.ts';
import { sshMount } from '../run/mounts/ssh-mount.ts';
import type { StepMount } from '../run/mounts/step-mount.ts';
import { tmpfsMount } from '../run/mounts/tmpfs-mount.ts';
import type { BuildSession } from '../session.ts';

/** The mounts of one RUN, checked, with what they add to the step's key. */
export interface StepMounts {
  readonly key: readonly unknown[];
  readonly targets: readonly string[];
  /** After the step: whether files it saw changed while it ran. */
  hasChanged(): Promise<boolean>;
  /** Runs `work` while no other step has the caches that are locked; `use` belongs inside. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** Runs `work` with everything prepared, and takes it down afterwards. */
  use<T>(work: (ready: ReadyMounts) => Promise<T>): Promise<T>;
}

/** What the process of a step gets. */
export interface ReadyMounts {
  readonly mounts: readonly ContainerMount[];
  /** "NAME=value" */
  readonly env: readonly string[];
  /** Not to be shown in what the step prints. */
  readonly secrets: readonly Uint8Array[];
}

/** @throws invalid_argument for a mount that cannot be */
export async function prepareMounts(
  session: BuildSession,
  stage: Stage,
  config: RunConfig,
  mounts: readonly RunMount[],
): Promise<StepMounts> {
  const prepared: StepMount[] = [];
  let agents = 0;
  for (const mount of mounts) {
    const agent = mount.type === 'ssh' ? agents++ : 0;
    prepared.push(await prepare(session, stage, config, mount, agent));
  }
  const caches = prepared.flatMap(({ cache }) => cache ?? []);
  return {
    key: prepared.map(({ key }) => key),
    targets: prepared.flatMap(({ target }) => target ?? []),
    hasChanged: async () => {
      for (const mount of prepared) if ((await mount.hasChanged?.()) === true) return true;
      return false;
    },
    alone: (work) => session.o.cacheMounts.lock(caches, work, { signal: session.o.signal }),
    use: (work) => session.o.cacheMounts.use(caches, (folders) => opened(prepared, folders, work)),
  };
}

/** @param agent how many ssh mounts came before it in the same RUN */
function prepare(
  session: BuildSession,
  stage: Stage,
  config: RunConfig,
  mount: RunMount,
  agent: number,
): Promise<StepMount> | StepMount {
  switch (mount.type) {
    case 'bind':
      return filesMount(session, stage, config, mount);
    case 'cache':
      return cacheMount(session, stage, config, mount);
    case 'tmpfs':
      return tmpfsMount(config, mount);
    case 'secret':
      return secretMount(session, config, mount);
    case 'ssh':
      return sshMount(session, config, mount, agent);
  }
}

/** Opens all, does the work, and releases in the opposite order, whatever happens. */
async function opened<T>(
  prepared: readonly StepMount[],
  cacheFolders: readonly string[],
  work: (ready: ReadyMounts) => Promise<T>,
): Promise<T> {
  const releases: (() => Promise<void>)[] = [];
  const folders = [...cacheFolders];
  const ready = { mounts: [] as ContainerMount[], env: [] as string[], secrets: [] as Uint8Array[] };
  try {
    for (const mount of prepared) {
      const cacheFolder = mount.cache ? folders.shift() : undefined;
      const one = await mount.open({ cacheFolder, onRelease: (release) => releases.push(release) });
      ready.mounts.push(...one.mounts);
      ready.env.push(...(one.env ?? []));
      ready.secrets.push(...(one.secrets ?? []));
    }
    return await work(ready);
  } finally {
    await releaseAll(releases.reverse());
  }
}

/** One that fails keeps none of the others from being done: among them are secrets and sockets. @throws the first failure */
export async function releaseAll(releases: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const release of releases) await release().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}
