import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMetadata } from '../../metadata/index.ts';
import { Ipam } from './ipam.ts';
import { parseCidr } from './cidr.ts';
import { chooseSubnet } from './subnet-pool.ts';

const SPACE = { id: 'net', subnet: '10.9.0.0/29', gateway: '10.9.0.1' };

test('Ipam.allocate() hands out hosts in turn, without gateway and broadcast, and starts over with freed ones', () => {
  using metadata = openMetadata(':memory:');
  const ipam = new Ipam(metadata);
  const take = (): string => ipam.allocate(SPACE, 'owner');
  assert.deepEqual([take(), take(), take()], ['10.9.0.2', '10.9.0.3', '10.9.0.4']);
  ipam.release('net', '10.9.0.3', 'owner');
  assert.deepEqual([take(), take(), take()], ['10.9.0.5', '10.9.0.6', '10.9.0.3']);
  assert.throws(take, { code: 'resource_exhausted' });
});

test('Ipam.allocate() knows after a restart what is taken', () => {
  using metadata = openMetadata(':memory:');
  new Ipam(metadata).allocate(SPACE, 'a');
  assert.equal(new Ipam(metadata).allocate(SPACE, 'b'), '10.9.0.3');
});

test('Ipam.allocate() refuses a wanted address that is taken, reserved or outside', () => {
  using metadata = openMetadata(':memory:');
  const ipam = new Ipam(metadata);
  assert.equal(ipam.allocate(SPACE, 'a', '10.9.0.5'), '10.9.0.5');
  assert.throws(() => ipam.allocate(SPACE, 'b', '10.9.0.5'), { code: 'conflict', message: /Address already in use/ });
  assert.throws(() => ipam.allocate(SPACE, 'b', '10.9.0.1'), { code: 'conflict' });
  for (const address of ['10.9.0.0', '10.9.0.7', '10.8.0.2', '10.9.0', 'x'])
    assert.throws(() => ipam.allocate(SPACE, 'b', address), { code: 'invalid_argument' }, address);
});

test('Ipam.release() leaves an address that somebody else has', () => {
  using metadata = openMetadata(':memory:');
  const ipam = new Ipam(metadata);
  ipam.allocate(SPACE, 'a', '10.9.0.5');
  ipam.release('net', '10.9.0.5', 'b');
  assert.throws(() => ipam.allocate(SPACE, 'b', '10.9.0.5'), { code: 'conflict' });
});

test('chooseSubnet() skips what overlaps, in either direction', () => {
  assert.equal(chooseSubnet([]).first, parseCidr('172.17.0.0/16').first);
  const taken = ['172.16.0.0/14', '172.20.5.0/24', '172.21.0.1/32'].map(parseCidr);
  assert.deepEqual(chooseSubnet(taken), parseCidr('172.22.0.0/16'));
  assert.deepEqual(chooseSubnet([parseCidr('172.16.0.0/12')]), parseCidr('192.168.0.0/20'));
  assert.throws(() => chooseSubnet([parseCidr('128.0.0.0/1')]), { code: 'resource_exhausted' });
});
