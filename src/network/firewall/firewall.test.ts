import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PublishedPort } from './nft-script.ts';
import { Firewall } from './firewall.ts';
import { renderPublish, renderTable, renderUnpublish } from './nft-script.ts';
import { dropChainsIn } from './foreign-drop.ts';

const ANY: PublishedPort = { containerPort: 80, protocol: 'tcp', hostIp: '', hostPort: 8080, ipAddress: '172.18.0.2' };
const LOCAL: PublishedPort = { ...ANY, protocol: 'udp', hostIp: '127.0.0.1', hostPort: 53, containerPort: 5353 };
const NETWORK = { bridge: 'ld-a', subnet: '172.18.0.0/16', internal: false, masquerade: true };

test('renderPublish() and renderUnpublish() sort ports by whether they name an address', () => {
  assert.equal(
    renderPublish('t', [ANY, LOCAL]),
    'add element ip t published_any { tcp . 8080 : 172.18.0.2 . 80 }\n' +
      'add element ip t published { udp . 127.0.0.1 . 53 : 172.18.0.2 . 5353 }\n',
  );
  assert.equal(renderUnpublish('t', [ANY]), 'delete element ip t published_any { tcp . 8080 : 172.18.0.2 . 80 }\n');
});

test('renderTable() lets internal networks neither out nor in', () => {
  const script = renderTable(
    't',
    [NETWORK, { ...NETWORK, bridge: 'ld-i', subnet: '172.19.0.0/16', internal: true }],
    [],
  );
  assert.match(script, /^table ip t \{\}\ndelete table ip t\ntable ip t \{/);
  assert.match(script, /ip saddr 172\.18\.0\.0\/16 oifname != "ld-a" masquerade/);
  assert.doesNotMatch(script, /ip saddr 172\.19\.0\.0\/16 oifname != /);
  assert.match(script, /set internal \{ type ifname; elements = \{ "ld-i" \}; \}/);
  const forward = script.slice(script.indexOf('chain forward'));
  assert.ok(forward.indexOf('@internal drop') < forward.indexOf('ct status dnat accept'));
});

function firewallWith(run: (script: string) => Promise<void>): { firewall: Firewall; scripts: string[] } {
  const scripts: string[] = [];
  const state = { networks: () => [NETWORK], ports: () => [ANY] };
  const firewall = new Firewall('t', state, (script) => {
    scripts.push(script);
    return run(script);
  });
  return { firewall, scripts };
}

test('Firewall writes the table once, then only changes, those that wait together in one call', async () => {
  const { firewall, scripts } = firewallWith(async () => undefined);
  await firewall.ensure();
  await firewall.ensure();
  const [first, ...rest] = [firewall.publish([ANY]), firewall.publish([LOCAL]), firewall.unpublish([LOCAL])];
  await Promise.all([first, ...rest]);
  assert.deepEqual(scripts.slice(1), [
    renderPublish('t', [ANY]),
    renderPublish('t', [LOCAL]) + renderUnpublish('t', [LOCAL]),
  ]);
});

test('Firewall repairs a failed change by writing the whole table, and reports when that fails too', async () => {
  let broken = false;
  const { firewall, scripts } = firewallWith(async (script) => {
    if (script.startsWith('add') || broken) throw new Error('No such file or directory');
  });
  await firewall.ensure();
  await firewall.publish([ANY]);
  assert.equal(scripts.at(-1), renderTable('t', [NETWORK], [ANY]));
  broken = true;
  await assert.rejects(firewall.publish([ANY]), /No such file/);
});

test('dropChainsIn() finds forward chains of others that drop by default', () => {
  const chain = (fields: object): object => ({ chain: { family: 'ip', table: 'filter', name: 'FORWARD', ...fields } });
  const json = JSON.stringify({
    nftables: [
      { metainfo: {} },
      chain({ hook: 'forward', policy: 'drop' }),
      chain({ hook: 'input', policy: 'drop' }),
      chain({ table: 'lading', hook: 'forward', policy: 'drop' }),
      chain({ name: 'DOCKER-USER' }),
    ],
  });
  assert.deepEqual(dropChainsIn(json, 'lading'), ['ip filter FORWARD']);
});
