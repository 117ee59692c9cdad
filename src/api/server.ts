import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { SILENT_LOG, type Log } from '../base/index.ts';
import { LADING_VERSION } from '../base/version.ts';
import type { Engine } from '../engine/index.ts';
import { Dispatcher } from './dispatch.ts';
import { listen, type ListenOptions } from './listen.ts';

export interface ServeOptions extends ListenOptions {
  /** For `version` and `info`; default this package's. */
  readonly version?: string;
  readonly gitCommit?: string;
  /** RFC 3339 */
  readonly buildTime?: string;
  readonly log?: Log;
}

export interface ApiServer extends AsyncDisposable {
  /** The address in use; the port when TCP was asked for with port 0. */
  readonly address: string | number | undefined;
  /** Stops listening and ends every connection. The engine is not closed. Idempotent. */
  close(): Promise<void>;
}

const HEADER_LIMIT = 1024 * 1024;
const KEEP_ALIVE_MS = 10 * 60 * 1000;

function createHttpServer(dispatcher: Dispatcher): Server {
  // Streams and builds last as long as they last: only the header has a deadline.
  const server = createServer({
    maxHeaderSize: HEADER_LIMIT,
    requestTimeout: 0,
    headersTimeout: 60_000,
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  server.timeout = 0;
  server.on('request', (request, response) => void dispatcher.request(request, response));
  server.on('upgrade', (request, socket: Duplex, head: Buffer) => void dispatcher.upgrade(request, socket, head));
  return server;
}

function addressOf(server: Server): string | number | undefined {
  const address = server.address();
  return typeof address === 'object' ? address?.port : address;
}

/** Serves the Engine API until closed. @throws conflict when the socket is taken */
export async function serveApi(engine: Engine, options: ServeOptions): Promise<ApiServer> {
  const { version = LADING_VERSION, gitCommit = '', buildTime = '', log = SILENT_LOG } = options;
  const server = createHttpServer(new Dispatcher({ engine, log, about: { version, gitCommit, buildTime } }));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await listen(server, options);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
    return closing;
  };
  return { address: addressOf(server), close, [Symbol.asyncDispose]: close };
}
