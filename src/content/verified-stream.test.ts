import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { isLadingError } from '../errors/index.ts';
import { digestOf } from '../oci/index.ts';
import { verifiedStream } from './index.ts';

const bytes = Buffer.from('some bytes');
const cases = [
  { name: 'right bytes', expected: { digest: digestOf(bytes), size: bytes.length }, passes: true },
  { name: 'nothing expected', expected: {}, passes: true },
  { name: 'another digest', expected: { digest: digestOf('other') }, passes: false },
  { name: 'too few bytes', expected: { size: 11 }, passes: false },
  { name: 'too many bytes', expected: { digest: digestOf(bytes), size: 9 }, passes: false },
];

for (const { name, expected, passes } of cases)
  test(`verifiedStream() ${passes ? 'passes' : 'fails instead of ending on'} ${name}`, async () => {
    const result = buffer(verifiedStream(Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]), expected));
    if (passes) assert.ok(bytes.equals(await result));
    else await assert.rejects(result, (error) => isLadingError(error, 'data_loss'));
  });

test('verifiedStream() hands on the failure of its source and destroys it when let go', async () => {
  const failing = new Readable({ read: () => undefined });
  const result = buffer(verifiedStream(failing, {}));
  failing.destroy(new Error('reset'));
  await assert.rejects(result, /reset/);

  const source = new Readable({ read: () => undefined });
  verifiedStream(source, {}).destroy();
  await new Promise((resolve) => source.once('close', resolve));
});
