import koffi from 'koffi';
import { LadingError } from '../errors/index.ts';
import { AT } from './constants.ts';

/**
 * The one module that holds every native prototype. All calls are synchronous (0.2 µs overhead; the asynchronous ones cost 60–80 µs).
 * A wrong prototype crashes the process: change with care, and keep the self-test in step.
 */
const lib = koffi.load('libc.so.6');

const timespec = koffi.struct('lading_timespec', { sec: 'int64_t', nsec: 'int64_t' });
const openHow = koffi.struct('lading_open_how', { flags: 'uint64_t', mode: 'uint64_t', resolve: 'uint64_t' });

const native = {
  mount: lib.func(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
  ),
  umount2: lib.func('int umount2(const char *target, int flags)'),
  mknod: lib.func('int mknod(const char *path, unsigned int mode, uint64_t dev)'),
  lsetxattr: lib.func('int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)'),
  lgetxattr: lib.func('int64_t lgetxattr(const char *path, const char *name, void *value, size_t size)'),
  llistxattr: lib.func('int64_t llistxattr(const char *path, void *list, size_t size)'),
  utimensat: lib.func('utimensat', 'int', ['int', 'str', koffi.pointer(timespec), 'int']),
  syscallOpenat2: lib.func('syscall', 'long', ['long', 'int', 'str', koffi.pointer(openHow), 'size_t']),
  syscall1: lib.func('long syscall(long number, int a, int b)'),
  statx: lib.func('int statx(int dir, const char *path, int flags, unsigned int mask, void *result)'),
  openat: lib.func('int openat(int dir, const char *path, int flags, unsigned int mode)'),
  mkdirat: lib.func('int mkdirat(int dir, const char *path, unsigned int mode)'),
  symlinkat: lib.func('int symlinkat(const char *target, int dir, const char *path)'),
  linkat: lib.func('int linkat(int fromDir, const char *from, int toDir, const char *to, int flags)'),
  unlinkat: lib.func('int unlinkat(int dir, const char *path, int flags)'),
  mknodat: lib.func('int mknodat(int dir, const char *path, unsigned int mode, uint64_t dev)'),
  fchownat: lib.func('int fchownat(int dir, const char *path, uint32_t uid, uint32_t gid, int flags)'),
  utimensatRaw: lib.func('int utimensat(int dir, const char *path, const void *times, int flags)'),
  futimensRaw: lib.func('int futimens(int fd, const void *times)'),
  close: lib.func('int close(int fd)'),
  unshare: lib.func('int unshare(int flags)'),
  setns: lib.func('int setns(int fd, int type)'),
  socket: lib.func('int socket(int domain, int type, int protocol)'),
  bind: lib.func('int bind(int fd, const void *addr, uint32_t length)'),
  listen: lib.func('int listen(int fd, int backlog)'),
  connect: lib.func('int connect(int fd, const void *addr, uint32_t length)'),
  shutdown: lib.func('int shutdown(int fd, int how)'),
  setsockopt: lib.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)'),
  getsockopt: lib.func('int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)'),
  flock: lib.func('int flock(int fd, int operation)'),
  syncfs: lib.func('int syncfs(int fd)'),
  syscallFsopen: lib.func('syscall', 'long', ['long', 'str', 'unsigned int']),
  syscallFsconfig: lib.func('syscall', 'long', ['long', 'int', 'unsigned int', 'str', 'str', 'int']),
  syscallFsmount: lib.func('syscall', 'long', ['long', 'int', 'unsigned int', 'unsigned int']),
  syscallMoveMount: lib.func('syscall', 'long', ['long', 'int', 'str', 'int', 'str', 'unsigned int']),
};

const NR_MOVE_MOUNT = 429;
const NR_FSOPEN = 430;
const NR_FSCONFIG = 431;
const NR_FSMOUNT = 432;
const NR_OPENAT2 = 437;
const NR_PIDFD_OPEN = 434;

const names = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));

/** An errno turned into an Error whose `code` is the errno's name, as Node's own system errors have. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  readonly code: string;
  readonly errno: number;

  constructor(call: string, subject: string, errno: number) {
    const code = names.get(errno) ?? `E${errno}`;
    super(`${code}: ${call} '${subject}'`);
    this.code = code;
    this.errno = errno;
  }
}

function check(result: number | bigint, call: string, subject: string | number | Uint8Array): number {
  if (result >= 0) return Number(result);
  const errno = koffi.errno();
  const shown =
    subject instanceof Uint8Array ? Buffer.from(subject).toString('latin1').replace('\0', '') : String(subject);
  throw new SystemError(call, shown, errno);
}

export function mount(
  source: string,
  target: string,
  type: string | null,
  flags: number,
  data: string | null = null,
): void {
  check(native.mount(source, target, type, flags, data), 'mount', target);
}

/** @param flags MNT_DETACH or 0 */
export function umount(target: string, flags = 0): void {
  check(native.umount2(target, flags), 'umount', target);
}

const CLOSE_ON_EXEC = 1;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const MOVE_MOUNT_FROM_FD = 4;

/** Begins a mount of the new interface: a descriptor that takes options; reading it gives the kernel's complaints. */
export function fsopen(type: string): number {
  return check(native.syscallFsopen(NR_FSOPEN, type, CLOSE_ON_EXEC), 'fsopen', type);
}

/** Sets one option; the kernel takes at most 255 bytes of value. */
export function fsconfigString(fd: number, key: string, value: string): void {
  check(native.syscallFsconfig(NR_FSCONFIG, fd, FSCONFIG_SET_STRING, key, value, 0), 'fsconfig', `${key}=${value}`);
}

/** Makes the file system from the options. */
export function fsconfigCreate(fd: number): void {
  check(native.syscallFsconfig(NR_FSCONFIG, fd, FSCONFIG_CMD_CREATE, null, null, 0), 'fsconfig', 'create');
}

/** A descriptor of the mount, attached nowhere yet. */
export function fsmount(fd: number, attributes: number): number {
  return check(native.syscallFsmount(NR_FSMOUNT, fd, CLOSE_ON_EXEC, attributes), 'fsmount', fd);
}

/** Attaches what {@link fsmount} made. */
export function moveMount(fd: number, target: string): void {
  check(native.syscallMoveMount(NR_MOVE_MOUNT, fd, '', -100, target, MOVE_MOUNT_FROM_FD), 'move_mount', target);
}

/** `mode` with its S_IF type bits; `dev` as made by {@link makeDev}. */
export function mknod(path: string, mode: number, dev = 0n): void {
  check(native.mknod(path, mode, dev), 'mknod', path);
}

/** glibc's encoding of a device number. */
export function makeDev(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)];
  return ((a & 0xfffn) << 8n) | ((a & ~0xfffn) << 32n) | (b & 0xffn) | ((b & ~0xffn) << 12n);
}

export function devMajor(dev: number | bigint): number {
  const value = BigInt(dev);
  return Number(((value >> 8n) & 0xfffn) | ((value >> 32n) & ~0xfffn));
}

export function devMinor(dev: number | bigint): number {
  const value = BigInt(dev);
  return Number((value & 0xffn) | ((value >> 12n) & ~0xffn & 0xffffffffn));
}

export function setXattr(path: NativePath, name: string, value: Uint8Array): void {
  check(native.lsetxattr(path, name, value, value.length, 0), 'lsetxattr', `${path} ${name}`);
}

/** undefined when there is no such attribute or the file system has none. */
export function getXattr(path: NativePath, name: string): Buffer | undefined {
  let buffer = Buffer.alloc(256);
  for (;;) {
    const size = Number(native.lgetxattr(path, name, buffer, buffer.length));
    if (size >= 0) return buffer.subarray(0, size);
    const errno = koffi.errno();
    if (errno === koffi.os.errno['ENODATA'] || errno === koffi.os.errno['EOPNOTSUPP']) return undefined;
    if (errno !== koffi.os.errno['ERANGE'] || buffer.length > 65_536)
      throw new SystemError('lgetxattr', `${path} ${name}`, errno);
    buffer = Buffer.alloc(65_537);
  }
}

/** Names in the order the kernel gives them. */
export function listXattrs(path: NativePath): string[] {
  const size = Number(native.llistxattr(path, xattrNames, xattrNames.length));
  if (size > 0) return xattrNames.toString('latin1', 0, size - 1).split('\0');
  if (size === 0) return NO_NAMES;
  const errno = koffi.errno();
  if (errno === koffi.os.errno['EOPNOTSUPP']) return NO_NAMES;
  throw new SystemError('llistxattr', String(path), errno);
}

/** The kernel gives no longer list (XATTR_LIST_MAX). Calls are synchronous: one buffer serves all. */
const xattrNames = Buffer.alloc(65_536);
const NO_NAMES: string[] = [];

export interface Timespec {
  /** Seconds since 1970, may be negative. */
  readonly sec: number;
  readonly nsec: number;
}

/** Sets access and modification time with nanoseconds, of the link itself (not what it points to). */
export function lutimes(path: string, atime: Timespec, mtime: Timespec): void {
  check(native.utimensat(-100, path, [atime, mtime], 0x100), 'utimensat', path);
}

/** Opens `path` with every symlink and `..` resolved as if `dirFd` were the root (RESOLVE_IN_ROOT) or by other RESOLVE bits. */
export function openat2(dirFd: number, path: NativePath, flags: number, mode: number, resolve: number): number {
  const how = { flags, mode, resolve };
  return check(native.syscallOpenat2(NR_OPENAT2, dirFd, path, how, 24), 'openat2', path);
}

export function openat(dirFd: number, path: NativePath, flags: number, mode = 0): number {
  return check(native.openat(dirFd, path, flags, mode), 'openat', path);
}

/**
 * lstat below a descriptor (of itself for ''), as the 64 words of the kernel's `struct statx`; undefined when nothing is there. The array is one for all calls: read it before the
 * next. Half the time of a path through /proc/self/fd.
 */
export function statxAt(dirFd: number, path: NativePath): Uint32Array | undefined {
  const flags = AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT | (path === '' ? AT.EMPTY_PATH : 0);
  if (native.statx(dirFd, path, flags, STATX_BASIC, statxResult) >= 0) return statxResult;
  const code = names.get(koffi.errno());
  if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ENAMETOOLONG') check(-1, 'statx', path);
  return undefined;
}

const STATX_BASIC = 0x7ff;
const statxResult = new Uint32Array(64);

/** A path for the kernel: text (passed as UTF-8), or bytes that end with a NUL when the name is not UTF-8. */
export type NativePath = string | Uint8Array;

export function mkdirAt(dirFd: number, path: NativePath, mode: number): void {
  check(native.mkdirat(dirFd, path, mode), 'mkdirat', path);
}

export function symlinkAt(target: NativePath, dirFd: number, path: NativePath): void {
  check(native.symlinkat(target, dirFd, path), 'symlinkat', path);
}

/** Follows no symlink at the end of `from`. */
export function linkAt(fromDirFd: number, from: NativePath, toDirFd: number, to: NativePath): void {
  check(native.linkat(fromDirFd, from, toDirFd, to, 0), 'linkat', to);
}

/** @param flags AT.REMOVEDIR or 0 */
export function unlinkAt(dirFd: number, path: NativePath, flags = 0): void {
  check(native.unlinkat(dirFd, path, flags), 'unlinkat', path);
}

/** `mode` with its S_IF type bits; `dev` as made by {@link makeDev}. */
export function mknodAt(dirFd: number, path: NativePath, mode: number, dev = 0n): void {
  check(native.mknodat(dirFd, path, mode, dev), 'mknodat', path);
}

/** Of the link itself, not what it points to. */
export function chownAt(dirFd: number, path: NativePath, uid: number, gid: number): void {
  check(native.fchownat(dirFd, path, uid, gid, 0x100), 'fchownat', path);
}

const times = Buffer.alloc(32);

/** Writes `struct timespec[2]`, both the same time, without BigInts: this runs once for every file of a layer. */
function fillTimes(time: Timespec): Buffer {
  for (const offset of [0, 16]) {
    times.writeUInt32LE(time.sec >>> 0, offset);
    times.writeInt32LE(Math.floor(time.sec / 4_294_967_296), offset + 4);
    times.writeUInt32LE(time.nsec, offset + 8);
  }
  return times;
}

/** Sets access and modification time to `time`, of the link itself. */
export function utimesAt(dirFd: number, path: NativePath, time: Timespec): void {
  check(native.utimensatRaw(dirFd, path, fillTimes(time), 0x100), 'utimensat', path);
}

/** Sets access and modification time of an open file to `time`. */
export function futimesBoth(fd: number, time: Timespec): void {
  check(native.futimensRaw(fd, fillTimes(time)), 'futimens', fd);
}

export function closeFd(fd: number): void {
  check(native.close(fd), 'close', fd);
}

export function pidfdOpen(pid: number): number {
  return check(native.syscall1(NR_PIDFD_OPEN, pid, 0), 'pidfd_open', pid);
}

export function unshare(flags: number): void {
  check(native.unshare(flags), 'unshare', flags);
}

export function setns(fd: number, type: number): void {
  check(native.setns(fd, type), 'setns', fd);
}

export function socket(domain: number, type: number, protocol = 0): number {
  return check(native.socket(domain, type, protocol), 'socket', domain);
}

export function bindSocket(fd: number, address: Uint8Array): void {
  check(native.bind(fd, address, address.length), 'bind', fd);
}

export function listenSocket(fd: number, backlog: number): void {
  check(native.listen(fd, backlog), 'listen', fd);
}

export function connectSocket(fd: number, address: Uint8Array): void {
  check(native.connect(fd, address, address.length), 'connect', fd);
}

/** `struct sockaddr_un`. @throws invalid_argument when longer than 107 bytes */
export function unixAddress(path: string): Buffer {
  const bytes = Buffer.from(path);
  if (bytes.length > 107)
    throw new LadingError('invalid_argument', `unix socket path is longer than 107 bytes: "${path}"`);
  const address = Buffer.alloc(2 + bytes.length + 1);
  address.writeUInt16LE(1, 0);
  bytes.copy(address, 2);
  return address;
}

export function shutdownSocket(fd: number, how: number): void {
  check(native.shutdown(fd, how), 'shutdown', fd);
}

export function setSocketOption(fd: number, level: number, name: number, value: Uint8Array): void {
  check(native.setsockopt(fd, level, name, value, value.length), 'setsockopt', fd);
}

/** Pid, uid and gid of the process at the other end of a unix socket (SO_PEERCRED). */
export function peerCredentials(fd: number): { pid: number; uid: number; gid: number } {
  const value = Buffer.alloc(12);
  check(native.getsockopt(fd, 1, 17, value, [12]), 'getsockopt', fd);
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
}

/** Takes an advisory lock; false when somebody else holds it (with LOCK.NB). */
export function flock(fd: number, operation: number): boolean {
  if (native.flock(fd, operation) === 0) return true;
  const errno = koffi.errno();
  if (errno === koffi.os.errno['EAGAIN']) return false;
  throw new SystemError('flock', String(fd), errno);
}

/** Flushes the file system that holds `fd`. */
export function syncFileSystem(fd: number): void {
  check(native.syncfs(fd), 'syncfs', fd);
}

/** The same on a thread: it can take seconds when much is waiting to be written. */
export function syncFileSystemInBackground(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    native.syncfs.async(fd, (error: unknown, result: number) => {
      if (error) reject(error);
      else if (result < 0) reject(new SystemError('syncfs', String(fd), koffi.os.errno['EIO'] ?? 5));
      else resolve();
    });
  });
}

export interface FdWatch {
  close(): void;
}

/** Calls back when any descriptor becomes readable or is hung up; hooks into the event loop without a thread. */
export function watchFd(fd: number, onReadable: () => void): FdWatch {
  const handle = koffi.node.poll(fd, { readable: true, disconnect: true }, () => onReadable());
  return { close: () => handle.close() };
}

export interface FdPoll {
  /** Replaces what is waited for; nothing, when both are false. */
  want(events: { readonly readable: boolean; readonly writable: boolean }): void;
  close(): void;
}

/** As {@link watchFd}, for both directions: libuv takes a descriptor only once, a second watch of it aborts the process. */
export function pollFd(fd: number, onEvent: (events: { readable: boolean; writable: boolean }) => void): FdPoll {
  let handle: ReturnType<typeof koffi.node.poll> | undefined;
  // koffi 3.3.4 passes a status before the events, which its types leave out.
  const callback = (...args: unknown[]): void => onEvent(args.at(-1) as { readable: boolean; writable: boolean });
  return {
    want: ({ readable, writable }) => {
      const events = { readable, writable, disconnect: readable };
      if (!readable && !writable) handle?.stop();
      else if (handle) handle.start(events, callback);
      else handle = koffi.node.poll(fd, events, callback);
    },
    close: () => handle?.close(),
  };
}
