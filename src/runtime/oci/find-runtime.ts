import { accessSync, constants } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { messageOf, LadingError } from '../../errors/index.ts';
import { runCommand } from '../../base/index.ts';
import { cgroupLayout, type CgroupLayout } from '../host/cgroup-layout.ts';

export interface RuntimeProgram {
  /** "runc" or "crun": how it is driven and how its errors read. */
  readonly name: string;
  readonly version: string;
  readonly path: string;
}

const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const PREFERRED = ['crun', 'runc'];
const VERSION_TIMEOUT_MS = 10_000;

/** Absolute path of a program in PATH or the system's folders. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':').filter(isAbsolute), ...SYSTEM_FOLDERS];
  const candidates = isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name));
  return candidates.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Why a runtime cannot work on this host, undefined when it can. crun gives up where version 1 hierarchies are mounted and
 * a controller was left on the version 2 side; runc does not. Decided from the mounts, without running a container.
 */
export function obstacleFor(name: string, layout: CgroupLayout): string | undefined {
  if (name !== 'crun' || layout.mode !== 'hybrid' || layout.v2Controllers.length === 0) return undefined;
  return `cgroups are hybrid with ${layout.v2Controllers.join(', ')} on version 2`;
}

/**
 * The OCI runtime to use: the configured one, else crun where it works, else runc.
 * @throws unavailable with what was tried
 */
export async function findRuntime(configured?: string, layout = cgroupLayout()): Promise<RuntimeProgram> {
  const tried: string[] = [];
  for (const candidate of configured === undefined ? PREFERRED : [configured]) {
    const path = findProgram(candidate);
    const obstacle = path === undefined ? 'not installed' : obstacleFor(basename(path), layout);
    if (path === undefined || obstacle !== undefined) {
      tried.push(`${candidate}: ${obstacle}`);
      continue;
    }
    try {
      return await identify(path);
    } catch (error) {
      tried.push(`${candidate}: ${messageOf(error)}`);
    }
  }
  throw new LadingError('unavailable', `find an OCI runtime: ${tried.join('; ')}`, { hint: 'install crun or runc' });
}

async function identify(path: string): Promise<RuntimeProgram> {
  const { status, stdout, stderr } = await runCommand(path, ['--version'], { timeoutMs: VERSION_TIMEOUT_MS });
  const match = /^(\S+) version (\S+)/m.exec(stdout);
  if (status !== 0 || !match) throw new Error(`no version: ${(stderr || stdout).trim().slice(0, 200)}`);
  return { name: match[1] ?? '', version: match[2] ?? '', path };
}
