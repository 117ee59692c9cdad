import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretMask } from './secret-mask.ts';

/** What is shown when `text` is printed in pieces of `size` bytes. */
function shown(secrets: readonly string[], text: string, size: number): string {
  const parts: Buffer[] = [];
  const mask = new SecretMask(
    secrets.map((secret) => Buffer.from(secret)),
    (_stream, chunk) => parts.push(chunk),
  );
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) mask.write('stdout', bytes.subarray(at, at + size));
  mask.end();
  return Buffer.concat(parts).toString('utf8');
}

test('a secret is hidden wherever the output is cut', () => {
  const text = 'before hunter2-hunter2 after hunter2-hunt end\n';
  for (let size = 1; size <= text.length; size++)
    assert.equal(shown(['hunter2-hunter2\n'], text, size), 'before **** after hunter2-hunt end\n', `pieces of ${size}`);
});

test('lines of a secret and its base64 are hidden too', () => {
  const secret = '-----BEGIN KEY-----\nabcdefghijkl\n-----END KEY-----\n';
  const base64 = Buffer.from(secret).toString('base64');
  assert.equal(shown([secret], `x abcdefghijkl y\n${secret}${base64}\n`, 7).includes('abcdefghijkl'), false);
  assert.equal(shown([secret], `[${base64}]`, 5).includes(base64.slice(0, 12)), false);
});

test('what ends like the beginning of a secret is not lost, and short secrets are left alone', () => {
  assert.equal(shown(['hunter2-hunter2'], 'hunter2-hunter', 3), 'hunter2-hunter');
  assert.equal(shown(['abc'], 'abc abc', 1), 'abc abc');
  assert.equal(shown([], 'anything', 3), 'anything');
});

test('two streams do not make one secret', () => {
  const parts: string[] = [];
  const mask = new SecretMask([Buffer.from('hunter2-hunter2')], (stream, chunk) =>
    parts.push(`${stream}:${chunk.toString()}`),
  );
  mask.write('stdout', Buffer.from('hunter2-'));
  mask.write('stderr', Buffer.from('hunter2'));
  mask.end();
  assert.deepEqual(parts, ['stdout:hunter2-', 'stderr:hunter2']);
});

test('a step that prints one line of a long secret over and over does not make each be searched for again', (t) => {
  const lines = ['aaaaaaaa', ...Array.from({ length: 200 }, (_, i) => `other-line-${i}`)];
  const text = 'aaaaaaaa\n'.repeat(5000);
  const searches = t.mock.method(Buffer.prototype, 'indexOf');
  assert.equal(shown([lines.join('\n')], text, text.length), '****\n'.repeat(5000));
  const { length } = searches.mock.calls;
  assert.ok(length < 10_000, `${length} searches`);
});
