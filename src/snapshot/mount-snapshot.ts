import { closeSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { LadingError, errnoOf, messageOf } from '../errors/index.ts';
import {
  MNT_DETACH,
  MOUNT_ATTR,
  MS,
  UMOUNT_NOFOLLOW,
  closeFd,
  fsconfigCreate,
  fsconfigString,
  fsmount,
  fsopen,
  mount,
  moveMount,
  umount,
} from '../sys/index.ts';
import type { Mount } from './snapshotter.ts';

/** mount(2) copies one page of options, with the final zero. */
const OPTIONS_BYTES = 4095;

/**
 * Off, whatever the kernel's defaults are, so that an upper folder is a plain diff that any tool can read:
 * no redirects, no metadata-only copies, no index of hard links.
 */
const PLAIN_UPPER: readonly (readonly [string, string])[] = [
  ['index', 'off'],
  ['metacopy', 'off'],
  ['redirect_dir', 'off'],
];

/** Mounts a snapshot at an existing folder. Synchronous: a mount takes a millisecond. */
export function mountSnapshot(snapshot: Mount, target: string): void {
  try {
    if (snapshot.type === 'bind') mountBind(snapshot, target);
    else mountOverlay(snapshot, target);
  } catch (error) {
    if (error instanceof LadingError) throw error;
    const code = errnoOf(error) === 'EPERM' ? 'permission_denied' : 'internal';
    throw new LadingError(code, `mount snapshot at "${target}": ${messageOf(error)}`, { cause: error });
  }
}

/** Detaches everything mounted at `target`; files still open keep working. Idempotent. */
export function unmountSnapshot(target: string): void {
  for (;;)
    try {
      umount(target, MNT_DETACH | UMOUNT_NOFOLLOW);
    } catch (error) {
      // Not a mount point (any more), or no such path.
      if (errnoOf(error) === 'EINVAL' || errnoOf(error) === 'ENOENT') return;
      throw new LadingError('internal', `unmount "${target}": ${messageOf(error)}`, { cause: error });
    }
}

/** Both, as the container runtime's parts ask for them. */
export const overlayMounter: { mount(mount: Mount, target: string): void; unmount(target: string): void } = {
  mount: mountSnapshot,
  unmount: unmountSnapshot,
};

function mountBind(snapshot: Mount, target: string): void {
  mount(snapshot.source, target, null, MS.BIND);
  if (!snapshot.readonly) return;
  try {
    mount('', target, null, MS.BIND | MS.REMOUNT | MS.RDONLY);
  } catch (error) {
    umount(target, MNT_DETACH);
    throw error;
  }
}

/**
 * The classic call while the options fit; then the new interface, which takes the layers one by one (Linux 6.8);
 * on older kernels the classic call again, with the store's path shortened to that of a descriptor.
 */
function mountOverlay(snapshot: Mount, target: string): void {
  const options = optionText(snapshot);
  if (Buffer.byteLength(options) <= OPTIONS_BYTES) return mountByOptions(snapshot, target, options);
  if (mountByLayers(snapshot, target)) return;
  const store = storeOf(snapshot);
  const fd = openSync(store, 'r');
  try {
    const short = optionText(snapshot, (path) => path.replace(`${store}/`, `/proc/self/fd/${fd}/`));
    if (Buffer.byteLength(short) <= OPTIONS_BYTES) return mountByOptions(snapshot, target, short);
  } finally {
    closeSync(fd);
  }
  throw new LadingError(
    'unavailable',
    `mount snapshot at "${target}": ${snapshot.lowerDirs.length} layers are too many`,
    {
      hint: 'Linux 6.8 or newer mounts up to 500 layers',
    },
  );
}

function mountByOptions(snapshot: Mount, target: string, options: string): void {
  mount('overlay', target, 'overlay', snapshot.readonly ? MS.RDONLY : 0, options);
}

function optionText(snapshot: Mount, shorten = (path: string) => path): string {
  const layers = snapshot.lowerDirs.map(shorten).join(':');
  const own = ownFolders(snapshot).map(([key, path]) => [key, shorten(path)] as const);
  return [['lowerdir', layers] as const, ...own, ...PLAIN_UPPER].map(([key, value]) => `${key}=${value}`).join(',');
}

function ownFolders(snapshot: Mount): (readonly [string, string])[] {
  const { upperDir, workDir } = snapshot;
  if (upperDir === undefined || workDir === undefined) return [];
  return [
    ['upperdir', upperDir],
    ['workdir', workDir],
  ];
}

/** The folder that holds all snapshots: layers are `<store>/<id>/fs`. */
function storeOf(snapshot: Mount): string {
  return dirname(dirname(snapshot.lowerDirs[0] ?? '/'));
}

/** @returns false when this kernel cannot take layers one by one */
function mountByLayers(snapshot: Mount, target: string): boolean {
  let context: number | undefined;
  let tree: number | undefined;
  let supported = false;
  try {
    context = fsopen('overlay');
    for (const layer of snapshot.lowerDirs) {
      fsconfigString(context, 'lowerdir+', layer);
      supported = true;
    }
    for (const [key, value] of [...ownFolders(snapshot), ...PLAIN_UPPER]) fsconfigString(context, key, value);
    fsconfigCreate(context);
    tree = fsmount(context, snapshot.readonly ? MOUNT_ATTR.RDONLY : 0);
    moveMount(tree, target);
    return true;
  } catch (error) {
    if (!supported && ['EINVAL', 'ENOSYS'].includes(errnoOf(error) ?? '')) return false;
    const complaints = context === undefined ? '' : readComplaints(context);
    throw new LadingError('internal', `mount snapshot at "${target}": ${messageOf(error)}${complaints}`, {
      cause: error,
    });
  } finally {
    if (tree !== undefined) closeFd(tree);
    if (context !== undefined) closeFd(context);
  }
}

/** What the kernel noted while the options were set: one message a read, "e overlay: …". */
function readComplaints(context: number): string {
  const buffer = Buffer.alloc(1024);
  try {
    return `: ${buffer.toString('utf8', 0, readSync(context, buffer)).trim()}`;
  } catch {
    return '';
  }
}
