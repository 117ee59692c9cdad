import { mkdtemp, rm } from 'node:fs/promises';
import { request, type IncomingHttpHeaders } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from '../../engine/index.ts';
import { serveApi } from '../server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  json(): any;
}

export interface TestServer extends AsyncDisposable {
  readonly socketPath: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** A raw connection on which these bytes were sent. */
  raw(text: string): Socket;
}

/** Serves an engine on a socket in a fresh folder. */
export async function testServer(engine: Engine): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'lading-api-'));
  const socketPath = join(folder, 'api.sock');
  const server = await serveApi(engine, { host: `unix://${socketPath}`, version: '9.9.9' });
  return {
    socketPath,
    call: (method, path, body, headers) => call(socketPath, method, path, body, headers ?? {}),
    raw: (text) => {
      const socket = createConnection({ path: socketPath, allowHalfOpen: true });
      socket.write(text);
      return socket;
    },
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}

function call(
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const message = request({ socketPath, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('latin1');
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, body: text, json: () => JSON.parse(text) });
      });
    });
    message.on('error', reject);
    const asIs = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
    message.end(asIs ? body : JSON.stringify(body));
  });
}

/** Everything a connection receives until its other side ends it. */
export async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
