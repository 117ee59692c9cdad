import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { SILENT_LOG } from '../../src/base/index.ts';
import { isLadingError } from '../../src/errors/index.ts';
import { type MetadataStore, openMetadata } from '../../src/metadata/index.ts';
import { type EndpointRequest, NetworkManager, type NetworkRecord, type PortBinding } from '../../src/network/index.ts';

const run = promisify(execFile);
const BUSYBOX = '/bin/busybox';
const missing = ['nft', 'ip', 'nsenter'].filter((program) => spawnSync('which', [program]).status !== 0);
const skip =
  process.getuid?.() !== 0
    ? 'needs root'
    : missing.length > 0
      ? `needs ${missing.join(', ')}`
      : !existsSync(BUSYBOX)
        ? `needs ${BUSYBOX} (package busybox-static)`
        : false;

const TABLE = `lading-nettest-${process.pid}`;
const names = { firewallTable: TABLE, defaultBridge: `ldt${process.pid}`, bridgePrefix: 'lt-' };

describe('network', { skip }, () => {
  let folder: string;
  let metadata: MetadataStore;
  let manager: NetworkManager;
  let web: NetworkRecord;
  const children: ChildProcess[] = [];

  const openManager = (): NetworkManager =>
    NetworkManager.open({ dataRoot: folder, runDir: join(folder, 'netns'), metadata, log: SILENT_LOG, ...names });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lading-net-'));
    metadata = openMetadata(join(folder, 'metadata.db'));
    manager = openManager();
    web = await manager.createNetwork({ name: 'web' });
  });

  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await manager.destroy();
    metadata.close();
    rmSync(folder, { recursive: true });
  });

  let counter = 0;
  /** A "container": a namespace with an endpoint. */
  async function container(
    name: string,
    network: NetworkRecord,
    extra: { ports?: PortBinding[]; aliases?: string[] } = {},
  ): Promise<{ id: string; path: string; ip: string; ports: readonly PortBinding[] }> {
    const id = `${(++counter).toString(16).padStart(4, '0')}`.repeat(16);
    const path = await manager.createNetns(id);
    const { ipAddress, ports } = await manager.connect(path, requestOf(id, name, network, extra));
    return { id, path, ip: ipAddress, ports };
  }

  function requestOf(
    id: string,
    name: string,
    network: NetworkRecord,
    extra: { ports?: PortBinding[]; aliases?: string[] },
  ): EndpointRequest {
    const { ports = [], aliases = [] } = extra;
    return {
      networkId: network.id,
      containerId: id,
      containerName: name,
      hostname: id.slice(0, 12),
      aliases,
      ports,
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
    };
  }

  async function remove(one: { id: string }): Promise<void> {
    await manager.disconnect(one.id);
    await manager.removeNetns(one.id);
  }

  async function inside(path: string, ...command: string[]): Promise<{ status: number; output: string }> {
    try {
      const { stdout, stderr } = await run('nsenter', [`--net=${path}`, BUSYBOX, ...command], { timeout: 15_000 });
      return { status: 0, output: stdout + stderr };
    } catch (error) {
      const failure = error as { code?: number; stdout?: string; stderr?: string };
      return { status: failure.code ?? -1, output: `${failure.stdout}${failure.stderr}` };
    }
  }

  /** Serves the peer's address on TCP `port` inside a namespace. */
  async function serve(path: string, port: number): Promise<void> {
    const code = `require('net').createServer((s)=>s.end('peer '+s.remoteAddress.replace('::ffff:',''))).listen(${port},'0.0.0.0',()=>console.log('up'))`;
    const child = spawn('nsenter', [`--net=${path}`, process.execPath, '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    await new Promise((resolve) => child.stdout.once('data', resolve));
  }

  async function fetchText(host: string, port: number): Promise<string> {
    const socket: Socket = connect({ host, port, timeout: 3_000 });
    socket.on('timeout', () => socket.destroy(new Error('timeout')));
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text;
  }

  const hostAddress = (): string => {
    const all = Object.entries(networkInterfaces()).filter(([name]) => name.startsWith('e'));
    return all.flatMap(([, list]) => list ?? []).find(({ family }) => family === 'IPv4')?.address ?? '127.0.0.1';
  };

  test('two containers on one network reach each other and their gateway', async () => {
    const [a, b] = [await container('pa', web), await container('pb', web)];
    assert.equal((await inside(a.path, 'ping', '-c1', '-W2', b.ip)).status, 0);
    assert.equal((await inside(b.path, 'ping', '-c1', '-W2', web.gateway)).status, 0);
    await remove(a);
    await remove(b);
  });

  test('a container reaches the outside under the host address', async () => {
    // "outside": another namespace behind a veth, which knows the way to the host only
    const outside = await manager.createNetns('outside');
    const [out, wan] = ['203.0.113.2', '203.0.113.1'];
    const link = `ltw${process.pid}`;
    spawnSync('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'wan0', 'netns', String(process.pid)]);
    spawnSync('nsenter', [`--net=${outside}`, 'true']);
    const holder = spawn('nsenter', [`--net=${outside}`, 'sleep', '60']);
    children.push(holder);
    await sleep(100);
    spawnSync('ip', ['link', 'set', 'wan0', 'netns', String(holder.pid)]);
    spawnSync('ip', ['addr', 'add', `${wan}/24`, 'dev', link]);
    spawnSync('ip', ['link', 'set', link, 'up']);
    spawnSync('nsenter', [`--net=${outside}`, 'ip', 'addr', 'add', `${out}/24`, 'dev', 'wan0']);
    spawnSync('nsenter', [`--net=${outside}`, 'ip', 'link', 'set', 'wan0', 'up']);
    try {
      await serve(outside, 9000);
      const a = await container('na', web);
      const { output } = await inside(a.path, 'nc', '-w3', out, '9000');
      assert.equal(output, `peer ${wan}`);
      const inner = await manager.createNetwork({ name: 'inner', internal: true });
      const b = await container('nb', inner);
      assert.notEqual((await inside(b.path, 'nc', '-w2', out, '9000')).status, 0);
      await remove(a);
      await remove(b);
      await manager.removeNetwork('inner');
    } finally {
      holder.kill('SIGKILL');
      spawnSync('ip', ['link', 'del', link]);
      await manager.removeNetns('outside');
    }
  });

  test('a published port answers on 127.0.0.1, on the host address, to neighbours and to itself', async () => {
    const server = await container('srv', web, {
      ports: [{ containerPort: 80, protocol: 'tcp', hostIp: '', hostPort: 0 }],
    });
    const port = server.ports[0]?.hostPort ?? 0;
    assert.ok(port >= 32_768);
    await serve(server.path, 80);
    assert.match(await fetchText('127.0.0.1', port), /^peer /);
    assert.match(await fetchText(hostAddress(), port), /^peer /);
    const neighbour = await container('nei', web);
    assert.match((await inside(neighbour.path, 'nc', '-w3', hostAddress(), `${port}`)).output, /^peer /);
    assert.match((await inside(server.path, 'nc', '-w3', hostAddress(), `${port}`)).output, /^peer /);
    await remove(neighbour);
    await remove(server);
    await assert.rejects(fetchText('127.0.0.1', port), { code: 'ECONNREFUSED' });
  });

  test('a port published on 127.0.0.1 answers there only', async () => {
    const server = await container('lo', web, {
      ports: [{ containerPort: 80, protocol: 'tcp', hostIp: '127.0.0.1', hostPort: 0 }],
    });
    const port = server.ports[0]?.hostPort ?? 0;
    await serve(server.path, 80);
    assert.match(await fetchText('127.0.0.1', port), /^peer /);
    await assert.rejects(fetchText(hostAddress(), port));
    await remove(server);
  });

  test("a taken port is refused in Docker's words and leaves nothing behind", async () => {
    const blocker = createServer().listen(0, '0.0.0.0');
    await new Promise((resolve) => blocker.once('listening', resolve));
    const { port } = blocker.address() as AddressInfo;
    const before = manager.endpoints().length;
    await assert.rejects(
      container('clash', web, { ports: [{ containerPort: 80, protocol: 'tcp', hostIp: '', hostPort: port }] }),
      (error) =>
        isLadingError(error, 'conflict') &&
        /^driver failed programming external connectivity on endpoint clash \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:\d+ failed: port is already allocated$/.test(
          error.message,
        ),
    );
    assert.equal(manager.endpoints().length, before);
    blocker.close();
  });

  test("containers on different networks and the host's loopback are out of reach", async () => {
    const other = await manager.createNetwork({ name: 'other' });
    const [a, b] = [await container('ia', web), await container('ib', other)];
    await serve(b.path, 80);
    assert.match(await fetchText(b.ip, 80), /^peer /, 'the host itself reaches it');
    assert.notEqual((await inside(a.path, 'nc', '-w2', b.ip, '80')).status, 0);
    const local = createServer((socket) => socket.end('secret')).listen(0, '127.0.0.1');
    await new Promise((resolve) => local.once('listening', resolve));
    // the container's administrator sends 127/8 to the bridge instead of its own loopback
    for (const command of [
      ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet'],
      ['ip', 'addr', 'del', '127.0.0.1/8', 'dev', 'lo'],
      ['ip', 'route', 'add', '127.0.0.0/8', 'via', web.gateway],
    ])
      assert.equal(spawnSync('nsenter', [`--net=${a.path}`, ...command]).status, 0, command.join(' '));
    const { output } = await inside(a.path, 'nc', '-w2', '127.0.0.1', `${(local.address() as AddressInfo).port}`);
    local.close();
    assert.doesNotMatch(output, /secret/);
    await assert.rejects(manager.removeNetwork('other'), { code: 'conflict', message: /has active endpoints/ });
    await remove(a);
    await remove(b);
    await manager.removeNetwork('other');
  });

  test("names, aliases and reverse names resolve on a network of one's own", async () => {
    const db = await container('db', web, { aliases: ['Database'] });
    const app = await container('app', web);
    const lookup = async (name: string): Promise<string> =>
      (await inside(app.path, 'nslookup', name, '127.0.0.11')).output;
    for (const name of ['db', 'database', 'db.web', db.id.slice(0, 12)])
      assert.match(await lookup(name), new RegExp(`Address:? ${db.ip.replaceAll('.', '\\.')}\\b|${db.ip}`), name);
    assert.match(await lookup(db.ip), /db\.web/);
    await manager.disconnect(db.id, web.id);
    assert.doesNotMatch(await lookup('db.web'), new RegExp(db.ip));
    await remove(db);
    await remove(app);
  });

  test('a running container joins a second network by its pid, and loses it again', async () => {
    const second = await manager.createNetwork({ name: 'second' });
    const peer = await container('peer', second);
    const app = await container('joiner', web);
    const process_ = spawn('nsenter', [`--net=${app.path}`, 'sleep', '60']);
    children.push(process_);
    await new Promise((resolve) => process_.once('spawn', resolve));
    await sleep(50);
    await manager.connect(`/proc/${process_.pid}/ns/net`, requestOf(app.id, 'joiner', second, {}));
    assert.match((await inside(app.path, 'nslookup', 'peer.second', '127.0.0.11')).output, new RegExp(peer.ip));
    await manager.disconnect(app.id, web.id);
    assert.equal((await inside(app.path, 'ping', '-c1', '-W2', peer.ip)).status, 0);
    assert.match((await inside(app.path, 'ip', 'route')).output, new RegExp(`default via ${second.gateway}`));
    process_.kill('SIGKILL');
    await remove(app);
    await remove(peer);
    await manager.removeNetwork('second');
  });

  test('other names are passed on to name servers, by TCP when the answer is long', async () => {
    const server = '127.0.0.99';
    // a name server that answers every question with one text of 600 bytes
    const answer = (query: Buffer): Buffer => {
      const text = Buffer.concat([Buffer.from([200]), Buffer.alloc(200, 'x')]);
      const record = Buffer.from('c00c001000010000003c025b', 'hex');
      const reply = Buffer.concat([query, record, text, text, text]);
      reply.writeUInt16BE(0x8180, 2);
      reply.writeUInt16BE(1, 6);
      return reply;
    };
    const udp = createSocket('udp4').on('message', (query, peer) => {
      udp.send(answer(query), peer.port, peer.address);
    });
    await new Promise<void>((resolve) => udp.bind(53, server, resolve));
    const tcp = createServer((socket) => {
      socket.once('data', (framed) => {
        const reply = answer(framed.subarray(2));
        socket.end(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply]));
      });
    });
    await new Promise<void>((resolve) => tcp.listen(53, server, resolve));
    const id = 'f0'.repeat(32);
    const path = await manager.createNetns(id);
    await manager.connect(path, { ...requestOf(id, 'asker', web, {}), dns: [server] });
    const code = `const r=new (require('dns').promises.Resolver)();r.setServers(['127.0.0.11']);
      r.resolveTxt('long.example').then((v)=>console.log(v[0].join('').length),(e)=>console.log(e.code))`;
    const { stdout } = await run('nsenter', [`--net=${path}`, process.execPath, '-e', code]);
    udp.close();
    tcp.close();
    await remove({ id });
    assert.equal(stdout.trim(), '600');
  });

  test('restore() takes up running containers after a restart and a flushed firewall', async () => {
    const server = await container('keep', web, {
      ports: [{ containerPort: 80, protocol: 'tcp', hostIp: '', hostPort: 0 }],
    });
    const gone = await container('gone', web);
    const port = server.ports[0]?.hostPort ?? 0;
    await serve(server.path, 80);
    await manager.close();
    spawnSync('nft', ['delete', 'table', 'ip', TABLE]);
    spawnSync('ip', ['link', 'del', web.bridge]);
    manager = openManager();
    await manager.restore({ containerIds: [server.id], netnsKeys: [server.id] });
    assert.match(await fetchText('127.0.0.1', port), /^peer /);
    assert.match((await inside(server.path, 'nslookup', 'keep.web', '127.0.0.11')).output, new RegExp(server.ip));
    assert.deepEqual(
      manager.endpoints().map(({ request }) => request.containerId),
      [server.id],
    );
    assert.equal(existsSync(gone.path), false);
    spawnSync('nft', ['flush', 'table', 'ip', TABLE]);
    await manager.restore({ containerIds: [server.id], netnsKeys: [server.id] });
    assert.match(await fetchText('127.0.0.1', port), /^peer /);
    await remove(server);
  });

  test('a namespace can be connected again after its container ended', async () => {
    const one = await container('again', web);
    await manager.disconnect(one.id);
    await manager.connect(one.path, requestOf(one.id, 'again', web, {}));
    assert.equal((await inside(one.path, 'ping', '-c1', '-W2', web.gateway)).status, 0);
    await remove(one);
  });

  test('destroy() leaves nothing on the host', async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await manager.createNetns('left');
    await container('left', manager.defaultNetwork());
    await manager.destroy();
    for (let attempt = 0; attempt < 50 && ours().length > 0; attempt++) await sleep(100);
    assert.deepEqual(ours(), []);
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8').includes(folder), false);
    assert.equal(spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout.includes(TABLE), false);
  });

  /** Links of this test: its bridges, and veths that are on none any more. */
  function ours(): string[] {
    const { stdout } = spawnSync('ip', ['-o', 'link'], { encoding: 'utf8' });
    return stdout.split('\n').filter((line) => /: (ldt\d+|lt-[0-9a-f]{12}|veth[0-9a-f]{10})[:@]/.test(line));
  }
});
