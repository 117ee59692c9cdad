import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secrecy, isMasked, looksSecret } from './secrecy.ts';

test('looksSecret() knows names as Docker’s check does', () => {
  for (const name of ['TOKEN', 'npm_token', 'DB_PASSWORD', 'API_KEY', 'APIKEY', 'AWS_SECRET_ACCESS_KEY', 'auth'])
    assert.ok(looksSecret(name), name);
  for (const name of ['VERSION', 'KEYBOARD', 'PUBLIC_KEY', 'AUTHOR', 'TOKENIZER']) assert.ok(!looksSecret(name), name);
});

test('Secrecy masks values of such names, of secrets, and passwords in addresses; equal values stay equal', () => {
  const secrecy = new Secrecy(() => 'salt', new Map([['id', Buffer.from('s3cr3t\n')]]));
  const masked = secrecy.value('TOKEN', 'one');
  assert.ok(isMasked(masked) && !masked.includes('one'));
  assert.equal(secrecy.value('TOKEN', 'one'), masked);
  assert.notEqual(secrecy.value('TOKEN', 'two'), masked);
  assert.equal(secrecy.value('TOKEN', masked), masked);
  assert.notEqual(new Secrecy(() => 'other').value('TOKEN', 'one'), masked);
  assert.ok(isMasked(secrecy.value('URL', 'x?key=s3cr3t')));
  assert.equal(secrecy.value('URL', 'https://me:pw@host/x'), 'https://****@host/x');
  assert.equal(secrecy.value('VERSION', '1'), '1');
});

test('Secrecy.inputs() masks in a step’s inputs, wherever it is', () => {
  const secrecy = new Secrecy(() => 'salt', new Map([['id', Buffer.from('s3cr3t')]]));
  const inputs = secrecy.inputs({
    args: ['sh', '-c', 'echo s3cr3t'],
    env: ['TOKEN=abc', 'A=1'],
    mounts: [['x', 's3cr3t']],
  });
  assert.ok(!/s3cr3t|abc/.test(JSON.stringify(inputs)));
  assert.deepEqual((inputs['env'] as string[])[1], 'A=1');
});
