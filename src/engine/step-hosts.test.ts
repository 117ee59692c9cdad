import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderStepHosts } from './step-hosts.ts';

test('the hosts file of a step is BuildKit’s, with the hosts the user adds', () => {
  assert.equal(
    renderStepHosts(
      'buildkitsandbox',
      ['a:1.2.3.4', 'b=5.6.7.8', 'six:::1', 'seven=[fe80::1]', 'gw:host-gateway'],
      '10.0.0.1',
    ),
    '127.0.0.1\tlocalhost buildkitsandbox\n::1\tlocalhost ip6-localhost ip6-loopback\n' +
      '1.2.3.4\ta\n5.6.7.8\tb\n::1\tsix\nfe80::1\tseven\n10.0.0.1\tgw\n',
  );
  assert.throws(() => renderStepHosts('h', ['nothing'], ''), { code: 'invalid_argument' });
  assert.throws(() => renderStepHosts('h', ['a:b.example'], ''), /invalid IP address in add-host: "b.example"/);
  assert.throws(() => renderStepHosts('h', ['a:1.2.3.4\n6.6.6.6 evil'], ''), { code: 'invalid_argument' });
});
