import { LadingError } from '../../errors/index.ts';
import type { ProcessSpec } from '../runtime.ts';
import { availableCapabilities, capabilitiesOf } from './capabilities.ts';
import type { OciProcess } from './oci-spec.ts';
import { resolveUser } from './user.ts';

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What the main process and its execs have in common. */
export type ProcessConfinement = Pick<OciProcess, 'rlimits' | 'noNewPrivileges' | 'apparmorProfile' | 'oomScoreAdj'> & {
  readonly bounding: readonly string[];
};

/** A process of the bundle. @throws invalid_argument (no such user; no program) */
export function ociProcessOf(
  process: ProcessSpec,
  args: readonly string[],
  rootfs: string,
  { bounding, ...confinement }: ProcessConfinement,
  hostname?: string,
): OciProcess {
  if (args.length === 0) throw new LadingError('invalid_argument', 'no command specified');
  const { uid, gid, additionalGids, home } = resolveUser(rootfs, process.user, process.additionalGroups);
  const size = process.consoleSize;
  return {
    terminal: process.tty,
    ...(process.tty && size ? { consoleSize: { height: size.rows, width: size.columns } } : {}),
    // Not the daemon's own.
    user: { uid, gid, additionalGids, umask: 0o022 },
    args,
    env: environmentOf(process, home, hostname),
    cwd: process.cwd || '/',
    capabilities: capabilitiesOf(process.privileged ? availableCapabilities() : bounding, uid),
    ...confinement,
  };
}

/** The process's own environment, completed by what Docker always sets. */
function environmentOf(process: ProcessSpec, home: string, hostname: string | undefined): string[] {
  const names = new Set(process.env.map((entry) => entry.split('=', 1)[0]));
  const missing = [
    PATH,
    ...(hostname === undefined ? [] : [`HOSTNAME=${hostname}`]),
    ...(process.tty ? ['TERM=xterm'] : []),
    `HOME=${home}`,
  ].filter((entry) => !names.has(entry.split('=', 1)[0] ?? ''));
  return [...process.env, ...missing];
}
