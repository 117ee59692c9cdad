import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseResolvConf, readHostResolver } from './host-resolver.ts';
import { predefinedRecord } from './network-request.ts';
import { parseCidr } from './address/cidr.ts';
import { needsEmbeddedDns, renderHosts, renderResolvConf } from './resolver-files.ts';

const DEFAULT = predefinedRecord('bridge', 'lading0', parseCidr('172.17.0.0/16'));
const USER = { ...DEFAULT, name: 'web', isDefault: false };
const NOTHING = { dns: [], dnsSearch: [], dnsOptions: [] };
const hostWith = (files: Record<string, string>): ReturnType<typeof readHostResolver> =>
  readHostResolver((path) => files[path] ?? '');

const PLAIN = hostWith({ '/etc/resolv.conf': '# x\nnameserver 192.0.2.53\nnameserver fd00::1\nsearch a.example\n' });
const STUB = { '/etc/resolv.conf': 'nameserver 127.0.0.53\noptions edns0 trust-ad\n' };
const RESOLVED = hostWith({ ...STUB, '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.1\n' });
const LOOPBACK = hostWith(STUB);

test('renderResolvConf() copies the host on the default network, without servers a container cannot reach', () => {
  assert.equal(renderResolvConf(DEFAULT, NOTHING, PLAIN), 'nameserver 192.0.2.53\nsearch a.example\n');
  assert.equal(renderResolvConf(DEFAULT, NOTHING, RESOLVED), 'nameserver 192.0.2.1\noptions edns0 trust-ad\n');
});

test('renderResolvConf() names the embedded server on other networks, and where the host has only loopback ones', () => {
  assert.equal(renderResolvConf(USER, NOTHING, PLAIN), 'nameserver 127.0.0.11\nsearch a.example\noptions ndots:0\n');
  assert.match(renderResolvConf(DEFAULT, NOTHING, LOOPBACK), /^nameserver 127\.0\.0\.11\n/);
  assert.equal(needsEmbeddedDns(DEFAULT, { ...NOTHING, dns: ['9.9.9.9'] }, LOOPBACK), false);
});

test('renderResolvConf() takes what the container asks for instead', () => {
  const request = { dns: ['9.9.9.9'], dnsSearch: ['.'], dnsOptions: ['ndots:2'] };
  assert.equal(renderResolvConf(DEFAULT, request, PLAIN), 'nameserver 9.9.9.9\noptions ndots:2\n');
  assert.equal(renderResolvConf(USER, request, PLAIN), 'nameserver 127.0.0.11\noptions ndots:2\n');
  const injected = { ...NOTHING, dnsSearch: ['a\nnameserver 6.6.6.6'] };
  assert.throws(() => renderResolvConf(USER, injected, PLAIN), { code: 'invalid_argument' });
});

test('parseResolvConf() ignores comments and what is no address', () => {
  assert.deepEqual(parseResolvConf('; c\nnameserver x\nnameserver 1.1.1.1 # y\ndomain d\noptions a b'), {
    nameservers: ['1.1.1.1'],
    search: ['d'],
    options: ['a', 'b'],
  });
});

test('renderHosts() ends with the container and knows host-gateway', () => {
  const extraHosts = ['db:10.0.0.9', 'host.docker.internal:host-gateway', 'six:::1'];
  const text = renderHosts({ hostname: 'h', domainname: 'd', ipAddresses: ['172.17.0.2'], extraHosts }, '172.17.0.1');
  assert.deepEqual(text.trimEnd().split('\n').slice(6), [
    '10.0.0.9\tdb',
    '172.17.0.1\thost.docker.internal',
    '::1\tsix',
    '172.17.0.2\th.d h',
  ]);
  for (const entry of ['db', 'db:x', 'a b:1.1.1.1', 'a:1.1.1.1\n6.6.6.6 b'])
    assert.throws(() => renderHosts({ hostname: 'h', ipAddresses: [], extraHosts: [entry] }, ''), {
      code: 'invalid_argument',
    });
});
