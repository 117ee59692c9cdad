import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import type { Context } from './command.ts';
import { writeOutput, writeSmallFile } from './output-file.ts';

const context = { stdout: process.stdout } as unknown as Context;

function folder(t: TestContext): string {
  const dir = mkdtempSync('/tmp/lading-output-');
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

test('writeOutput() writes a file whole, and refuses a place it cannot write before it asks for anything', async (t) => {
  const dir = folder(t);
  await writeOutput(context, async () => Readable.from(['one', 'two']), join(dir, 'all'));
  assert.equal(readFileSync(join(dir, 'all'), 'utf8'), 'onetwo');
  let asked = false;
  const source = async (): Promise<Readable> => {
    asked = true;
    return Readable.from(['x']);
  };
  await assert.rejects(writeOutput(context, source, join(dir, 'no/file')), {
    code: 'invalid_argument',
    message: `output to "${join(dir, 'no/file')}": the folder "${join(dir, 'no')}" does not exist`,
  });
  assert.equal(asked, false);
});

test('writeOutput() leaves nothing of a stream that breaks off', async (t) => {
  const dir = folder(t);
  const broken = Readable.from(
    (function* () {
      yield 'begin';
      throw new Error('connection lost');
    })(),
  );
  await assert.rejects(
    writeOutput(context, async () => broken, join(dir, 'file')),
    /write output to ".*": connection lost/,
  );
  assert.deepEqual(readdirSync(dir), []);
});

test('writeSmallFile() says what could not be written, where and why', (t) => {
  const path = join(folder(t), 'no/id');
  assert.throws(() => writeSmallFile(path, 'x', 'the image ID'), {
    code: 'invalid_argument',
    message: `write the image ID to "${path}": no such file or directory`,
  });
});
