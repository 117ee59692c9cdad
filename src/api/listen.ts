import { chmodSync, chownSync, lstatSync, readFileSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { createConnection } from 'node:net';
import { errnoOf, LadingError } from '../errors/index.ts';

export interface ListenOptions {
  /** "unix:///path" or "/path", "fd://3" (an inherited socket), "tcp://127.0.0.1:2375". */
  readonly host: string;
  /** Permissions of the socket file; default 0660. */
  readonly mode?: number;
  /** Group of the socket file, by name or number. */
  readonly group?: string | number;
}

type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'fd'; readonly fd: number }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** TCP has no authentication here: loopback only. @throws invalid_argument */
export function parseHost(host: string): Address {
  const path = /^(?:unix:\/\/)?(\/.*)$/.exec(host)?.[1];
  if (path !== undefined) return { kind: 'unix', path };
  const fd = /^fd:\/\/([0-9]{1,5})$/.exec(host)?.[1];
  if (fd !== undefined) return { kind: 'fd', fd: Number(fd) };
  const tcp = /^tcp:\/\/(127\.0\.0\.1|localhost|\[::1\]):([0-9]{1,5})$/.exec(host);
  if (tcp !== null) return { kind: 'tcp', host: tcp[1]?.replace(/[[\]]/g, '') ?? '', port: Number(tcp[2]) };
  throw new LadingError(
    'invalid_argument',
    `cannot listen on "${host.slice(0, 200)}": not a socket or a loopback address`,
    {
      hint: 'use unix:///path or tcp://127.0.0.1:port; the API has no TLS, so it is not served to other machines',
    },
  );
}

/** Binds the server. @throws conflict when another server answers on the socket */
export async function listen(server: Server, options: ListenOptions): Promise<void> {
  const address = parseHost(options.host);
  if (address.kind === 'fd') return bind(server, { fd: address.fd });
  if (address.kind === 'tcp') return bind(server, { host: address.host, port: address.port });
  await listenOnSocket(server, address.path, options);
}

async function listenOnSocket(server: Server, path: string, { mode = 0o660, group }: ListenOptions): Promise<void> {
  const gid = group === undefined ? undefined : groupId(group);
  await removeStaleSocket(path);
  // The file is born closed to others; the mode asked for is set once the group is right. The bind itself is
  // synchronous, so no other file is created under this umask.
  const umask = process.umask(0o177);
  const bound = bind(server, { path });
  process.umask(umask);
  await bound;
  if (gid !== undefined) chownSync(path, -1, gid);
  chmodSync(path, mode);
}

function bind(
  server: Server,
  options: { path: string } | { fd: number } | { host: string; port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function isSocket(path: string): boolean {
  try {
    const stat = lstatSync(path);
    if (stat.isSocket()) return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
  throw new LadingError('conflict', `cannot listen on "${path}": it exists and is not a socket`);
}

/** A socket file nobody answers on is left over from a server that was killed. */
async function removeStaleSocket(path: string): Promise<void> {
  if (!isSocket(path)) return;
  if (await answers(path))
    throw new LadingError('conflict', `cannot listen on "${path}": another server is listening there`, {
      hint: 'stop it, or choose another socket',
    });
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const settle = (alive: boolean) => (): void => {
      socket.destroy();
      resolve(alive);
    };
    socket.setTimeout(2000, settle(true));
    // EACCES and the like do not prove that nobody is there.
    socket.once('connect', settle(true)).once('error', (error) => settle(errnoOf(error) !== 'ECONNREFUSED')());
  });
}

/** A group's number by name, from /etc/group. */
function groupId(group: string | number): number {
  if (typeof group === 'number') return group;
  if (/^[0-9]+$/.test(group)) return Number(group);
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${group}:`));
  if (line === undefined)
    throw new LadingError('invalid_argument', `cannot give the socket to group "${group}": there is no such group`);
  return Number(line.split(':')[2]);
}
