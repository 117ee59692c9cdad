import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '../base/index.ts';
import type { Engine } from '../engine/index.ts';
import { LadingError } from '../errors/index.ts';
import type { UpgradeSocket } from './http/call.ts';
import { sendError } from './http/error-response.ts';
import { createMatcher, splitVersion, type Matched } from './http/match.ts';
import { ROUTES } from './router/routes.ts';
import type { About } from './types/index.ts';
import { API_VERSION, atLeast, checkVersion } from './version.ts';

export interface DispatchOptions {
  readonly engine: Engine;
  readonly about: About;
  readonly log: Log;
}

/** Answers requests of a node:http server: find the route, run its handler, turn what it throws into a status. */
export class Dispatcher {
  readonly #options: DispatchOptions;
  readonly #match = createMatcher(ROUTES);

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /** For the server's `request` event. Never rejects. */
  async request(request: IncomingMessage, response: ServerResponse, upgrade?: UpgradeSocket): Promise<void> {
    const gone = new AbortController();
    const onClose = (): void => gone.abort();
    (upgrade?.socket ?? response).once('close', onClose);
    this.#setHeaders(response);
    try {
      await this.#run(request, response, gone.signal, upgrade);
    } catch (error) {
      if (gone.signal.aborted) return;
      sendError(response, error, this.#options.log);
    }
  }

  /** For the server's `upgrade` event: hijacking routes take the socket, others answer on it and close. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    response.once('finish', () => {
      response.detachSocket(socket as Socket);
      socket.end(() => socket.destroy());
    });
    await this.request(request, response, { socket, head });
  }

  async #run(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
    upgrade: UpgradeSocket | undefined,
  ): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://docker');
    const { version = API_VERSION, path } = splitVersion(url.pathname);
    checkVersion(version);
    const { route, params } = this.#find(request.method ?? 'GET', path, version);
    await route.handler({
      ...this.#options,
      version,
      params,
      query: url.searchParams,
      request,
      response,
      signal,
      ...(upgrade === undefined ? {} : { upgrade }),
    });
  }

  #find(method: string, path: string, version: string): Matched {
    const matched = this.#match(method, path);
    if (matched === undefined) throw new LadingError('not_found', 'page not found');
    const { minVersion } = matched.route;
    if (minVersion !== undefined && !atLeast(version, minVersion))
      throw new LadingError(
        'invalid_argument',
        `${method} ${path} needs API ${minVersion}: the client speaks ${version}`,
      );
    return matched;
  }

  #setHeaders(response: ServerResponse): void {
    response.setHeader('Server', `lading/${this.#options.about.version} (linux)`);
    response.setHeader('Api-Version', API_VERSION);
    response.setHeader('Ostype', 'linux');
    response.setHeader('Docker-Experimental', 'false');
  }
}
