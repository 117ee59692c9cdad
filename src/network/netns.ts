import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LadingError, errnoOf } from '../errors/index.ts';
import { CLONE, MNT_DETACH, MS, mount, setns, umount, unshare } from '../sys/index.ts';
import { NetlinkSocket, setLinkUp } from './netlink/index.ts';

const SELF = '/proc/thread-self/ns/net';
const KEY = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/** Docker's defaults: no privileged ports, ping for everybody; IPv6 only on lo while networks are IPv4. */
const SYSCTLS: Readonly<Record<string, string>> = {
  'ipv4/ip_unprivileged_port_start': '0',
  'ipv4/ping_group_range': '0 2147483647',
  'ipv6/conf/default/disable_ipv6': '1',
};

/** Network namespaces kept alive by bind mounts in one folder, a file for each key. */
export class NetnsFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  pathOf(key: string): string {
    if (!KEY.test(key)) throw new LadingError('invalid_argument', `name a network namespace: "${key}"`);
    return join(this.#folder, key);
  }

  /** Makes a namespace with `lo` up; one left under the same key is removed first. Returns its path. */
  create(key: string): string {
    const path = this.pathOf(key);
    this.remove(key);
    closeSync(openSync(path, 'wx', 0o400));
    try {
      visit(
        () => unshare(CLONE.NEWNET),
        () => {
          prepareNamespace();
          mount(SELF, path, null, MS.BIND);
        },
      );
      return path;
    } catch (error) {
      rmSync(path, { force: true });
      throw new LadingError('internal', `create network namespace "${key}"`, { cause: error });
    }
  }

  /** Lets go of a namespace; the kernel ends it with its last process and socket, links included. Idempotent. */
  remove(key: string): void {
    const path = this.pathOf(key);
    if (!existsSync(path)) return;
    try {
      for (;;) umount(path, MNT_DETACH);
    } catch (error) {
      if (errnoOf(error) !== 'EINVAL' && errnoOf(error) !== 'ENOENT') throw error;
    }
    rmSync(path, { force: true });
  }

  keys(): string[] {
    return readdirSync(this.#folder).filter((name) => KEY.test(name));
  }
}

/** Whether two paths (a bind mount, /proc/PID/ns/net) lead to one namespace. */
export function isSameNetns(a: string, b: string): boolean {
  const [first, second] = [statSync(a, { throwIfNoEntry: false }), statSync(b, { throwIfNoEntry: false })];
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev;
}

/**
 * Runs `work` with this thread inside the namespace at `path`. `work` must be synchronous: nothing else may run meanwhile,
 * and nothing in it may start a thread, for that would stay inside.
 */
export function inNetns<T>(path: string, work: () => T extends PromiseLike<unknown> ? never : T): T {
  const fd = openSync(path, 'r');
  try {
    return visit(() => setns(fd, CLONE.NEWNET), work);
  } finally {
    closeSync(fd);
  }
}

function visit<T>(enter: () => void, work: () => T): T {
  const home = openSync(SELF, 'r');
  try {
    enter();
    try {
      return work();
    } finally {
      returnTo(home);
    }
  } finally {
    closeSync(home);
  }
}

/** A daemon caught in a container's network would do its work in the wrong place: better none at all. */
function returnTo(home: number): void {
  try {
    setns(home, CLONE.NEWNET);
  } catch (error) {
    process.stderr.write(`return to the host's network namespace: ${String(error)}\n`);
    process.abort();
  }
}

function prepareNamespace(): void {
  using netlink = new NetlinkSocket();
  netlink.request(setLinkUp('lo'));
  for (const [name, value] of Object.entries(SYSCTLS)) {
    try {
      writeFileSync(`/proc/sys/net/${name}`, value);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'EROFS') throw error;
    }
  }
}
