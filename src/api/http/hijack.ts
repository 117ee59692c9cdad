import type { Readable, Writable } from 'node:stream';
import { atLeast } from '../version.ts';
import type { Call } from './call.ts';

const RAW = 'application/vnd.docker.raw-stream';
const MULTIPLEXED = 'application/vnd.docker.multiplexed-stream';

/** Content type of a container's streams, by tty and API version. */
export function streamContentType(version: string, tty: boolean): string {
  return !tty && atLeast(version, '1.42') ? MULTIPLEXED : RAW;
}

/** A connection taken over: what the client sends, and where to write. */
export interface Hijacked {
  readonly input: Readable;
  readonly output: Writable;
}

/** Ends HTTP on this connection: 101 when the client asked for an upgrade, else a 200 whose body lasts until close. */
export function hijack(call: Call, tty: boolean): Hijacked {
  return call.upgrade === undefined ? openRawBody(call) : switchProtocols(call, tty);
}

function switchProtocols(call: Call, tty: boolean): Hijacked {
  const { upgrade, response, version } = call;
  if (upgrade === undefined) throw new TypeError('no upgrade socket');
  const { socket, head } = upgrade;
  response.detachSocket(socket as never);
  socket.write(
    `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${streamContentType(version, tty)}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n` +
      `Api-Version: ${version}\r\nOstype: linux\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
  return { input: socket, output: socket };
}

function openRawBody({ request, response }: Call): Hijacked {
  response.removeHeader('Transfer-Encoding');
  response.shouldKeepAlive = false;
  response.writeHead(200, { 'Content-Type': RAW, Connection: 'close' });
  response.flushHeaders();
  return { input: request, output: response };
}
