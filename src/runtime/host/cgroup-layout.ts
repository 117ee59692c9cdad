import { existsSync, readFileSync, readdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';
const CGROUP2_MAGIC = 0x63677270;

export interface CgroupLayout {
  /** hybrid: version 1 hierarchies with a version 2 one beside them. */
  readonly mode: 'v1' | 'v2' | 'hybrid';
  /** Mount points of the hierarchies that hold processes. */
  readonly hierarchies: readonly string[];
  /** Controllers on the version 2 side. */
  readonly v2Controllers: readonly string[];
}

function isCgroup2(path: string): boolean {
  try {
    return statfsSync(path).type === CGROUP2_MAGIC;
  } catch {
    return false;
  }
}

/** How this host mounts cgroups. */
export function cgroupLayout(): CgroupLayout {
  if (isCgroup2(ROOT)) return { mode: 'v2', hierarchies: [ROOT], v2Controllers: controllers(ROOT) };
  const unified = join(ROOT, 'unified');
  const v1 = existsSync(ROOT)
    ? readdirSync(ROOT)
        .map((name) => join(ROOT, name))
        .filter((path) => path !== unified && existsSync(join(path, 'cgroup.procs')))
    : [];
  if (!isCgroup2(unified)) return { mode: 'v1', hierarchies: v1, v2Controllers: [] };
  return { mode: 'hybrid', hierarchies: [...v1, unified], v2Controllers: controllers(unified) };
}

function controllers(path: string): string[] {
  return readFileSync(join(path, 'cgroup.controllers'), 'utf8').split(/\s+/).filter(Boolean);
}

/** What Docker's `info` calls the cgroup version. */
export function cgroupVersion(): '1' | '2' {
  return isCgroup2(ROOT) ? '2' : '1';
}
