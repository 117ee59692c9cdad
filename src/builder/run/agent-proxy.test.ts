import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AgentProxy } from './agent-proxy.ts';
import { sshMount } from './mounts/ssh-mount.ts';

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), 'lading-agent-'))));
after(() => rmSync(folder, { recursive: true }));

const message = (type: number, body = ''): Buffer => {
  const text = Buffer.concat([Buffer.from([type]), Buffer.from(body)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text]);
};

/** An agent that answers each request with its type plus one and its body; and the proxy before it. */
async function proxied(work: (client: Socket, proxy: AgentProxy, asked: number[]) => Promise<void>): Promise<void> {
  const asked: number[] = [];
  const path = join(folder, `agent-${Math.random()}`);
  const agent = createServer((socket) => {
    socket.on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length; at += 4 + chunk.readUInt32BE(at)) {
        asked.push(chunk[at + 4]!);
        socket.write(message(chunk[at + 4]! + 1, chunk.toString('utf8', at + 5, at + 4 + chunk.readUInt32BE(at))));
      }
    });
    socket.on('error', () => undefined);
  }).listen(path);
  await once(agent, 'listening');
  const place = mkdtempSync(join(folder, 'place-'));
  const proxy = await AgentProxy.open(path, place, { uid: process.getuid!(), gid: process.getgid!(), mode: 0o640 });
  const client = createConnection(proxy.path);
  client.on('error', () => undefined);
  try {
    await once(client, 'connect');
    await work(client, proxy, asked);
  } finally {
    client.destroy();
    await proxy.close();
    agent.close();
  }
}

async function read(socket: Socket, bytes: number): Promise<Buffer> {
  let held = Buffer.alloc(0);
  while (held.length < bytes) held = Buffer.concat([held, ...((await once(socket, 'data')) as Buffer[])]);
  return held;
}

test('lists and signs, and refuses the rest in the order it was asked', async () => {
  await proxied(async (client, proxy, asked) => {
    assert.equal(statSync(proxy.path).mode & 0o777, 0o640);
    // List, remove all, sign, extension, lock, in one piece.
    client.write(Buffer.concat([message(11), message(19), message(13, 'data'), message(27, 'x'), message(22, 'pw')]));
    const failure = Buffer.from([0, 0, 0, 1, 5]);
    const wanted = Buffer.concat([message(12), failure, message(14, 'data'), failure, failure]);
    assert.deepEqual(await read(client, wanted.length), wanted);
    assert.deepEqual(asked, [11, 13]);
  });
});

test('a message in pieces is passed on whole; one that is too long ends the connection', async () => {
  await proxied(async (client) => {
    const whole = message(13, 'abcdef');
    for (const byte of whole) client.write(Buffer.from([byte]));
    assert.deepEqual(await read(client, whole.length), message(14, 'abcdef'));
    client.write(Buffer.from([0x7f, 0xff, 0xff, 0xff, 13]));
    client.resume();
    await once(client, 'close');
  });
});

test('closing ends the connections and takes the socket away, twice without harm', async () => {
  await proxied(async (client, proxy) => {
    client.resume();
    const closed = once(client, 'close');
    await proxy.close();
    await closed;
    assert.equal(existsSync(proxy.path), false);
    await proxy.close();
  });
});

test('the place may be deeper than a socket name can be long', async () => {
  const deep = join(folder, ...Array.from({ length: 12 }, () => 'a-rather-long-name'));
  const { mkdirSync } = await import('node:fs');
  mkdirSync(deep, { recursive: true });
  const owner = { uid: process.getuid!(), gid: process.getgid!(), mode: 0o600 };
  const proxy = await AgentProxy.open(join(folder, 'nobody'), deep, owner);
  assert.equal(existsSync(proxy.path), true);
  await proxy.close();
});

test('an agent whose address is none ends the connection, not the daemon', async () => {
  const owner = { uid: process.getuid!(), gid: process.getgid!(), mode: 0o600 };
  for (const address of [Object as unknown as string, 'a\0b', '/'.padEnd(300, 'x')]) {
    const proxy = await AgentProxy.open(address, mkdtempSync(join(folder, 'bad-')), owner);
    const client = createConnection(proxy.path);
    client.on('error', () => undefined);
    client.resume();
    await new Promise((resolve) => client.once('close', resolve));
    await proxy.close();
  }
});

test('only an agent the build was given is mounted, whatever id a Dockerfile names', async () => {
  const session = { o: { request: { ssh: { default: '/agent' } } } } as never;
  for (const id of ['constructor', 'toString', '__proto__', 'other']) {
    const mount = sshMount(session, {} as never, { type: 'ssh', id } as never, 1);
    assert.deepEqual((await mount.open({} as never)).mounts, [], id);
  }
});
