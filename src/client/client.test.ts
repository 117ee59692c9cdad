import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ApiError } from './api-error.ts';
import { Client } from './client.ts';
import { parseEndpoint } from './endpoint.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A daemon that answers as told, for the time of one test. */
async function withDaemon(
  handler: Handler,
  use: (client: Client, connections: () => number) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lading-client-'));
  const server = createServer(handler);
  let connections = 0;
  server.on('connection', () => connections++);
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly ');
    socket.on('data', (chunk: Buffer) => socket.end(`got ${chunk}`));
  });
  const path = join(folder, 'sock');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    using client = new Client({ host: `unix://${path}` });
    await use(client, () => connections);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
}

test('Client sends queries and uses one connection for calls in turn', async () => {
  const seen: string[] = [];
  const handler: Handler = (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.end('[]');
  };
  await withDaemon(handler, async (client, connections) => {
    await client.containers.list({ all: true, filters: { name: ['a b'] } });
    await client.containers.act('web', 'kill', { signal: 'TERM', skip: undefined });
    assert.deepEqual(seen, [
      'GET /v1.47/containers/json?all=1&filters=%7B%22name%22%3A%5B%22a%20b%22%5D%7D',
      'POST /v1.47/containers/web/kill?signal=TERM',
    ]);
    assert.equal(connections(), 1);
  });
});

test('Client streams a body up and JSON lines down', async () => {
  const handler: Handler = (request, response) => {
    let size = 0;
    request.on('data', (chunk: Buffer) => (size += chunk.length));
    request.on('end', () => {
      response.write('{"status":"');
      response.end(`${size}"}\n{"stream":"end"}\n`);
    });
  };
  await withDaemon(handler, async (client) => {
    const parts = Array.from({ length: 40 }, () => Buffer.alloc(100_000));
    const messages = [];
    for await (const message of client.images.load(Readable.from(parts), {})) messages.push(message);
    assert.deepEqual(messages, [{ status: '4000000' }, { stream: 'end' }]);
  });
});

test('Client turns an answer into an error with code, message and hint', async () => {
  const handler: Handler = (_request, response) => {
    response.writeHead(409, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ message: 'name in use\nhint: choose another' }));
  };
  await withDaemon(handler, async (client) => {
    const problem = await client.volumes.inspect('x').catch((error: unknown) => error);
    assert.ok(problem instanceof ApiError);
    assert.deepEqual([problem.code, problem.message, problem.hint], ['conflict', 'name in use', 'choose another']);
  });
});

test('Client hands over an upgraded connection with its early bytes', async () => {
  await withDaemon(
    () => undefined,
    async (client) => {
      const socket = await client.containers.attach('web', { stream: true });
      socket.write('input');
      let text = '';
      for await (const chunk of socket) text += String(chunk);
      assert.equal(text, 'early got input');
    },
  );
});

test('Client starts a daemon once when nothing listens, or says so', async () => {
  let started = 0;
  const host = `unix://${join(tmpdir(), `lading-none-${process.pid}`)}`;
  const onUnreachable = async (): Promise<void> => void started++;
  const refused = {
    code: 'unavailable',
    message: `Cannot connect to the lading daemon at ${host}. Is ladingd running?`,
  };
  await assert.rejects(new Client({ host, onUnreachable }).system.ping(), refused);
  assert.equal(started, 1);
  await assert.rejects(new Client({ host }).system.info(), refused);
});

test('parseEndpoint() reads Docker’s hosts', () => {
  assert.deepEqual(parseEndpoint('unix:///run/x.sock'), { kind: 'unix', path: '/run/x.sock' });
  assert.deepEqual(parseEndpoint('tcp://[::1]:99'), { kind: 'tcp', host: '::1', port: 99 });
  assert.deepEqual(parseEndpoint('tcp://host'), { kind: 'tcp', host: 'host', port: 2375 });
  for (const text of ['ssh://a', 'unix://rel', 'tcp://h:99999', 'x'])
    assert.throws(() => parseEndpoint(text), /invalid host/);
});
