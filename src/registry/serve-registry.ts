import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SILENT_LOG, type Log } from '../base/index.ts';
import { LocalContentStore } from '../content/index.ts';
import { LadingError, errnoOf, isLadingError, messageOf, toLadingError } from '../errors/index.ts';
import { BasicAuth, type Users } from './basic-auth.ts';
import { collectGarbage } from './collect-garbage.ts';
import { answer, type Backend } from './exchange.ts';
import { Repositories } from './repositories.ts';
import { matchRoute } from './routes.ts';
import { SpecError, toSpecError } from './spec-error.ts';
import { Uploads } from './uploads.ts';

export interface RegistryServerOptions {
  /** The folder that holds everything; made when missing. One server at a time. */
  readonly root: string;
  /** Default 127.0.0.1: plain HTTP belongs on loopback. */
  readonly host?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  /** Who may use it; default everybody who can reach it. */
  readonly auth?: { readonly users: Users };
  readonly log?: Log;
}

export interface RunningRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:5000`. */
  readonly url: string;
  readonly port: number;
  /** Ends connections and removes unfinished uploads. Idempotent. */
  close(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 30_000;
const IDLE_TIMEOUT_MS = 5 * 60_000;

/**
 * Serves an OCI registry (distribution-spec 1.1.1) over a folder, bodies streamed both ways.
 * A blob or manifest that was answered with 201 survives a crash. What was deleted is freed at the next start.
 * @throws conflict when the port is taken
 */
export async function serveRegistry(options: RegistryServerOptions): Promise<RunningRegistry> {
  const { root, host = '127.0.0.1', port = 0, auth, log = SILENT_LOG } = options;
  const store = await LocalContentStore.open(join(root, 'content'), { log });
  await store.sweepIngests(0);
  const repositories = new Repositories(root);
  const freed = await collectGarbage(repositories, store);
  if (freed > 0) log.info('freed blobs no repository holds', { bytes: freed });
  const backend: Backend = { store, repositories, uploads: new Uploads(store) };
  const users = auth && new BasicAuth(auth.users);
  const server = createServer((request, response) => void serve(backend, users, log, request, response));
  // A large blob over a slow line takes its time, as long as something moves.
  server.requestTimeout = 0;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.setTimeout(IDLE_TIMEOUT_MS);
  await listen(server, host, port);
  const bound = (server.address() as AddressInfo).port;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closing ??= (async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await backend.uploads.cancelAll();
    })());
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  return { url, port: bound, close, [Symbol.asyncDispose]: close };
}

function listen(server: ReturnType<typeof createServer>, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        errnoOf(error) === 'EADDRINUSE'
          ? new LadingError('conflict', `serve registry on ${host}:${port}: the port is in use`, {
              hint: 'choose another with --port',
            })
          : toLadingError(error, `serve registry on ${host}:${port}`),
      ),
    );
    server.listen(port, host, () => resolve());
  });
}

async function serve(
  backend: Backend,
  users: BasicAuth | undefined,
  log: Log,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = 'GET', url = '/' } = request;
  const cut = url.indexOf('?');
  const path = cut < 0 ? url : url.slice(0, cut);
  const query = new URLSearchParams(cut < 0 ? '' : url.slice(cut + 1));
  const exchange = { request, response, query, name: '', reference: '' };
  response.setHeader('docker-distribution-api-version', 'registry/2.0');
  response.setHeader('x-content-type-options', 'nosniff');
  try {
    if (users && !(await users.allows(request.headers.authorization)))
      throw new SpecError('UNAUTHORIZED', 'authentication required', {
        headers: { 'www-authenticate': 'Basic realm="lading registry"' },
      });
    const { handler, name, reference } = matchRoute(method, path);
    await handler(backend, { ...exchange, name, reference });
  } catch (error) {
    fail(error, exchange, log, `${method} ${path.slice(0, 300)}`);
  }
}

function fail(error: unknown, exchange: Parameters<typeof answer>[0], log: Log, what: string): void {
  const { request, response } = exchange;
  const { code, status, message, detail, headers } = toSpecError(error);
  const gone = isLadingError(error, 'cancelled') || request.socket.destroyed;
  if (status >= 500 && !gone) log.error('registry request failed', { request: what, error: messageOf(error) });
  if (response.headersSent || response.destroyed) return void response.destroy();
  answer(exchange, status, headers, { errors: [{ code, message, ...(detail ? { detail } : {}) }] });
}
