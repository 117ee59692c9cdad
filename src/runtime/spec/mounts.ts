import { closeSync, constants, openSync } from 'node:fs';
import { posix } from 'node:path';
import { O, openat2, RESOLVE } from '../../sys/index.ts';
import type { ContainerMount, ContainerSpec, Namespace } from '../runtime.ts';
import type { OciMount } from './oci-spec.ts';

const SHM_BYTES = 64 * 1024 * 1024;
const INIT_TARGET = '/sbin/docker-init';

/** Docker's default mounts, those a user's mount replaces left out, then the user's own, shallow before deep. */
export function mountsOf(spec: ContainerSpec): OciMount[] {
  const own = spec.mounts.map(toOci).sort((a, b) => depth(a.destination) - depth(b.destination));
  const targets = new Set(own.map((mount) => mount.destination));
  const defaults = defaultMounts(spec).filter(
    ({ destination }) => !targets.has(destination) && !(targets.has('/dev') && destination.startsWith('/dev/')),
  );
  return [...defaults, ...own, ...initMount(spec)];
}

function defaultMounts(spec: ContainerSpec): OciMount[] {
  const ro = spec.privileged ? [] : ['ro'];
  const quiet = ['nosuid', 'noexec', 'nodev'];
  return [
    mount('/proc', 'proc', 'proc', quiet),
    mount('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    mount('/dev/pts', 'devpts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
    mount('/sys', 'sysfs', 'sysfs', [...quiet, ...ro]),
    mount('/sys/fs/cgroup', 'cgroup', 'cgroup', [...ro, ...quiet]),
    ...ipcMounts(spec),
  ];
}

/** Shared memory and message queues belong to the IPC namespace: shared ones are bound from where they are. */
function ipcMounts({ namespaces: { ipc }, shmSizeBytes = SHM_BYTES }: ContainerSpec): OciMount[] {
  const bind = ['rbind', 'nosuid', 'noexec', 'nodev'];
  if (ipc === 'host')
    return [mount('/dev/mqueue', 'bind', '/dev/mqueue', bind), mount('/dev/shm', 'bind', '/dev/shm', bind)];
  const queue = mount('/dev/mqueue', 'mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']);
  const shared = sharedMemoryOf(ipc);
  if (shared !== undefined) return [queue, mount('/dev/shm', 'bind', shared, bind)];
  return [queue, mount('/dev/shm', 'tmpfs', 'shm', ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${shmSizeBytes}`])];
}

/** The /dev/shm of the container whose namespace is joined, when no link in its rootfs could lead elsewhere. */
function sharedMemoryOf(ipc: Namespace): string | undefined {
  const pid = typeof ipc === 'object' ? /^\/proc\/(\d+)\/ns\/ipc$/.exec(ipc.path)?.[1] : undefined;
  if (pid === undefined) return undefined;
  try {
    const root = openSync(`/proc/${pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      closeSync(openat2(root, 'dev/shm', O.PATH | O.DIRECTORY, 0, RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS));
    } finally {
      closeSync(root);
    }
    return `/proc/${pid}/root/dev/shm`;
  } catch {
    return undefined;
  }
}

function initMount({ initPath, namespaces }: ContainerSpec): OciMount[] {
  if (initPath === undefined || namespaces.pid !== 'new') return [];
  return [mount(INIT_TARGET, 'bind', initPath, ['bind', 'ro'])];
}

/** With --init the program becomes the init's child. */
export function argsWithInit({ initPath, namespaces, process }: ContainerSpec): readonly string[] {
  return initPath === undefined || namespaces.pid !== 'new' ? process.args : [INIT_TARGET, '--', ...process.args];
}

/** The propagation the rootfs needs so that a mount in the container can pass on what happens below it. */
export function rootfsPropagationOf(mounts: readonly ContainerMount[]): string | undefined {
  const options = new Set(mounts.flatMap((mount) => mount.options));
  if (options.has('rshared') || options.has('shared')) return 'shared';
  return options.has('rslave') || options.has('slave') ? 'slave' : undefined;
}

function toOci({ type, source, target, options }: ContainerMount): OciMount {
  const isBind = type === 'bind' && !options.includes('bind') && !options.includes('rbind');
  return mount(posix.resolve('/', target), type, source, isBind ? ['rbind', ...options] : options);
}

function mount(destination: string, type: string, source: string, options: readonly string[]): OciMount {
  return { destination, type, source, options };
}

function depth(path: string): number {
  return path.split('/').filter(Boolean).length;
}
