import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DnsResponder } from './responder.ts';
import { NameTable } from './name-table.ts';
import type { Exchange } from './upstream.ts';

function queryOf(name: string, type: number): Buffer {
  const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  return Buffer.concat([Buffer.from('123401000001000000000000', 'hex'), ...labels, Buffer.from([0, 0, type, 0, 1])]);
}

const names = new NameTable();
const common = { networkId: 'n1', networkName: 'web', containerId: 'c1' };
names.register({ ...common, ipAddress: '10.0.0.2', names: ['Db', 'store'] });
names.register({ ...common, containerId: 'c2', ipAddress: '10.0.0.3', names: ['app', 'store'] });
names.register({ ...common, networkId: 'n2', networkName: 'far', ipAddress: '10.1.0.2', names: ['hidden'] });

/** A server which is `alive`, and echoes the question as an empty reply of some code and size. */
const scripted =
  (servers: Record<string, { rcode: number; size?: number }>, asked: string[] = []): Exchange =>
  async (message, _query, server) => {
    asked.push(server);
    const behaviour = servers[server];
    if (!behaviour) throw new Error('timeout');
    const reply = Buffer.concat([message, Buffer.alloc(behaviour.size ?? 0)]);
    reply.writeUInt16BE(0x9999, 0);
    reply.writeUInt16BE(0x8180 | behaviour.rcode, 2);
    return reply;
  };

const responder = (upstreams: string[], exchange?: Exchange): DnsResponder =>
  new DnsResponder(names, { networkIds: () => ['n1'], upstreams: () => upstreams }, exchange);

const rcode = (reply: Buffer | undefined): number => (reply?.readUInt16BE(2) ?? -1) & 15;
const answers = (reply: Buffer | undefined): number => reply?.readUInt16BE(6) ?? -1;

test('DnsResponder answers A by name, alias and name.network, in any case', async () => {
  for (const name of ['db', 'DB', 'db.web']) {
    const reply = await responder([]).respond(queryOf(name, 1), 'udp');
    assert.equal(reply?.subarray(-4).join('.'), '10.0.0.2', name);
  }
  assert.equal(answers(await responder([]).respond(queryOf('store', 1), 'udp')), 2);
});

test('DnsResponder answers AAAA of a container with no records rather than an error', async () => {
  const reply = await responder(['up'], scripted({ up: { rcode: 3 } })).respond(queryOf('db', 28), 'udp');
  assert.deepEqual([rcode(reply), answers(reply)], [0, 0]);
});

test('DnsResponder gives "name.network" for an address of a shared network', async () => {
  const reply = await responder([]).respond(queryOf('2.0.0.10.in-addr.arpa', 12), 'udp');
  assert.match(reply?.toString('latin1') ?? '', /\x02db\x03web\x00$/);
});

test('DnsResponder does not tell names of other networks, and fails when there is nowhere to ask', async () => {
  assert.equal(rcode(await responder([]).respond(queryOf('hidden', 1), 'udp')), 2);
});

test('DnsResponder passes over servers that are silent or fail, and restores the id', async () => {
  const asked: string[] = [];
  const exchange = scripted({ broken: { rcode: 2 }, good: { rcode: 3 } }, asked);
  const reply = await responder(['dead', 'broken', 'good'], exchange).respond(queryOf('example.com', 1), 'udp');
  assert.deepEqual([asked, rcode(reply), reply?.readUInt16BE(0)], [['dead', 'broken', 'good'], 3, 0x1234]);
});

test('DnsResponder truncates what does not fit into UDP and not what goes by TCP', async () => {
  const exchange = scripted({ up: { rcode: 0, size: 600 } });
  const udp = await responder(['up'], exchange).respond(queryOf('example.com', 1), 'udp');
  assert.equal((udp?.readUInt16BE(2) ?? 0) & 0x0200, 0x0200);
  assert.ok((udp?.length ?? 0) < 512);
  const tcp = await responder(['up'], exchange).respond(queryOf('example.com', 1), 'tcp');
  assert.ok((tcp?.length ?? 0) > 600);
});
