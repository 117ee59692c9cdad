import { chmodSync, chownSync, lstatSync, readFileSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { createConnection } from 'node:net';
import { errnoOf, LadingError } from '../errors/index.ts';

/** Where to listen. TCP has no authentication: loopback only. */
export type Listen =
  | { readonly socketPath: string; readonly mode?: number; readonly group?: string | number }
  | { readonly fd: number }
  | { readonly tcpPort: number };

/** Binds the server. @throws conflict when another server answers on the socket */
export async function listen(server: Server, where: Listen): Promise<void> {
  if ('fd' in where) return bind(server, { fd: where.fd });
  if ('tcpPort' in where) return bind(server, { host: '127.0.0.1', port: where.tcpPort });
  const { socketPath, mode = 0o660, group } = where;
  await removeStaleSocket(socketPath);
  // The file is born closed to others; the mode asked for is set once the group is right.
  const umask = process.umask(0o177);
  try {
    await bind(server, { path: socketPath });
  } finally {
    process.umask(umask);
  }
  if (group !== undefined) chownSync(socketPath, -1, groupId(group));
  chmodSync(socketPath, mode);
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
