import { existsSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../base/index.ts';
import { messageOf } from '../errors/index.ts';
import type { ContainerRuntime, RootfsMounter } from '../runtime/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';

export interface LeftoverOptions {
  readonly runtime: ContainerRuntime;
  readonly mounter: RootfsMounter;
  readonly snapshotter: Snapshotter;
  /** Folder of one folder a build step. */
  readonly stepsRoot: string;
  /** The builder's own folder: its mounts go, its cache mounts stay. */
  readonly buildRoot: string;
  /** Keys of active snapshots that belong to containers. */
  readonly containerKeys: ReadonlySet<string>;
  readonly log: Log;
}

/** At start: ends what a former daemon's builds left running, mounted or half-written. Containers are the lifecycle's. */
export async function sweepLeftovers(options: LeftoverOptions): Promise<void> {
  const { runtime, mounter, snapshotter, stepsRoot, buildRoot, containerKeys, log } = options;
  for (const id of existsSync(stepsRoot) ? readdirSync(stepsRoot) : []) {
    const dir = join(stepsRoot, id);
    await runtime
      .delete(id, { stateDir: dir, runDir: dir })
      .catch((error: unknown) =>
        log.warn('a build step of a former daemon could not be ended', { step: id, error: messageOf(error) }),
      );
  }
  for (const target of mountsBelow([stepsRoot, buildRoot])) {
    mounter.unmount(target);
    await rmdir(target).catch(() => undefined);
  }
  await rm(stepsRoot, { recursive: true, force: true });
  for await (const { name, kind } of snapshotter.walk())
    if (kind !== 'committed' && !containerKeys.has(name)) await snapshotter.remove(name);
}

/** Mount points below the folders, deepest first. */
function mountsBelow(folders: readonly string[]): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((target) => folders.some((folder) => target.startsWith(`${folder}/`)))
    .toReversed();
}

/** The folders a cgroup may have: v1, hybrid and v2. */
function cgroupFolders(cgroup: string): string[] {
  const root = '/sys/fs/cgroup';
  const hierarchies = existsSync(root) ? readdirSync(root).map((name) => join(root, name)) : [];
  return [root, ...hierarchies].map((hierarchy) => join(hierarchy, cgroup));
}

export function hasCgroup(cgroup: string): boolean {
  return cgroupFolders(cgroup).some((folder) => existsSync(folder));
}

/** Removes a cgroup folder from every hierarchy where nothing is in it. */
export function removeCgroupParent(cgroupParent: string): void {
  for (const folder of cgroupFolders(cgroupParent)) {
    try {
      rmdirSync(folder);
    } catch {
      // There is none, or another daemon's containers are in it.
    }
  }
}
