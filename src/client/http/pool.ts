import { connect, type Socket } from 'node:net';
import type { Endpoint } from '../endpoint.ts';
import { exchange, type Exchange, type HttpRequest } from './exchange.ts';

/** Connections to one daemon, used again when an answer was read to its end. Idle ones do not keep the process alive. */
export class ConnectionPool {
  readonly #endpoint: Endpoint;
  readonly #idle: Socket[] = [];

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** @throws the socket's error when nothing listens or the connection breaks */
  async send(request: HttpRequest): Promise<Exchange> {
    const used = this.#idle.pop();
    if (used !== undefined && !used.destroyed) {
      let answered = false;
      used.ref();
      const onAnswer = (): void => void (answered = true);
      used.once('data', onAnswer);
      try {
        return await exchange(used, request, () => this.#keep(used));
      } catch (error) {
        // The daemon may have closed an idle connection in the same moment; only what can be sent again is.
        if (answered || request.stream !== undefined || request.signal?.aborted === true) throw error;
      }
    }
    const socket = await open(this.#endpoint);
    return exchange(socket, request, () => this.#keep(socket));
  }

  close(): void {
    for (const socket of this.#idle.splice(0)) socket.destroy();
  }

  #keep(socket: Socket): void {
    socket.unref();
    this.#idle.push(socket);
  }
}

function open(endpoint: Endpoint): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = endpoint.kind === 'unix' ? connect(endpoint.path) : connect(endpoint.port, endpoint.host);
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.setNoDelay(true);
      // An idle connection that breaks is found out at its next use.
      socket.on('error', () => undefined);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}
