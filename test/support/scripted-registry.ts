import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export type Reply = (response: ServerResponse, received: Received, request: IncomingMessage) => void | Promise<void>;

/** A server that answers as a test tells it, and remembers what it was asked. */
export class ScriptedRegistry implements AsyncDisposable {
  readonly requests: Received[] = [];
  readonly host: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** `reply` answers everything but the ping; what it throws becomes a 500. */
  static async start(
    reply: Reply,
    options: { readonly ping?: Reply; readonly host?: string } = {},
  ): Promise<ScriptedRegistry> {
    const { ping = (response) => void response.end('{}'), host = '127.0.0.1' } = options;
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of request) chunks.push(chunk as Buffer);
      } catch {
        return;
      }
      const { method = '', url = '', headers } = request;
      const received = { method, url, headers, body: Buffer.concat(chunks) };
      registry.requests.push(received);
      await (url === '/v2/' ? ping : reply)(response, received, request);
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const registry = new ScriptedRegistry(server);
    return registry;
  }

  /** The requests without the pings. */
  get asked(): Received[] {
    return this.requests.filter(({ url }) => url !== '/v2/');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Answers with one reply after the other; the last one stays. */
export function inTurn(...replies: readonly Reply[]): Reply {
  let next = 0;
  return (response, received, request) => replies[Math.min(next++, replies.length - 1)]?.(response, received, request);
}

/** The spec's error body. */
export function failWith(status: number, code: string, message: string, headers: Record<string, string> = {}): Reply {
  return (response) =>
    void response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify({ errors: [{ code, message }] }));
}
