import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { LadingError } from '../../errors/index.ts';
import { checkDestinations, receiveExport } from './receive-exports.ts';
import { ReceivedExports } from './received-exports.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'receive-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const ignore = new Writable({ write: (_chunk, _encoding, done) => done() });
const broken = (): LadingError => new LadingError('unavailable', 'the connection ended in the middle of an answer');

/** Some bytes, and then the end, or an error. */
function source(error?: Error): Readable {
  let sent = false;
  return new Readable({
    read() {
      if (!sent) this.push(Buffer.alloc(100_000, 'a'));
      else if (error) this.destroy(error);
      else this.push(null);
      sent = true;
    },
  });
}

function receive(
  dest: string,
  stream: Readable,
  form: 'tar' | 'local' = 'tar',
  stdout: Writable = ignore,
): Promise<void> {
  const options = { fetch: () => Promise.resolve(stream), stdout, note: () => undefined };
  return receiveExport({ kind: 'export', id: 'x', form, dest }, [{ type: 'tar', attrs: { dest } }], options);
}

test('a file is there when it is whole, through a symlink too', async (t) => {
  const dir = folder(t);
  await receive(join(dir, 'new'), source());
  assert.equal(readFileSync(join(dir, 'new')).length, 100_000);
  writeFileSync(join(dir, 'real'), 'old');
  symlinkSync('real', join(dir, 'link'));
  await receive(join(dir, 'link'), source());
  assert.equal(readFileSync(join(dir, 'real')).length, 100_000);
  assert.deepEqual(readdirSync(dir).sort(), ['link', 'new', 'real']);
});

test('a stream that breaks off leaves what was there, and nothing beside it', async (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, 'kept'), 'before');
  for (const name of ['kept', 'new']) {
    const error = { code: 'unavailable', message: /write output to ".*": the connection ended/ };
    await assert.rejects(receive(join(dir, name), source(broken())), error);
  }
  await assert.rejects(receive(join(dir, 'folder'), source(broken()), 'local'), /write output to/);
  await assert.rejects(receive('-', source(broken())), /write output to standard output/);
  assert.equal(readFileSync(join(dir, 'kept'), 'utf8'), 'before');
  assert.deepEqual(readdirSync(dir), ['kept']);
});

test('the daemon cannot choose a place', async (t) => {
  const dest = join(folder(t), 'x');
  const event = { kind: 'export', id: 'x', form: 'tar', dest } as const;
  const options = { fetch: () => Promise.resolve(source()), stdout: ignore, note: () => undefined };
  await assert.rejects(receiveExport(event, [{ type: 'tar', attrs: { dest: 'y' } }], options), /nobody asked for/);
  assert.equal(existsSync(dest), false);
});

test('the daemon cannot choose to delete', async (t) => {
  const dest = folder(t);
  writeFileSync(join(dest, 'kept'), 'before');
  const event = { kind: 'export', id: 'x', form: 'local', dest, mode: 'delete' } as const;
  const options = {
    fetch: () => Promise.resolve(Readable.from([Buffer.alloc(1024)])),
    stdout: ignore,
    note: () => undefined,
  };
  await assert.rejects(
    receiveExport(event, [{ type: 'local', attrs: { dest } }], options),
    /delete files in .* nobody asked/,
  );
  assert.deepEqual(readdirSync(dest), ['kept']);
  await receiveExport(event, [{ type: 'local', attrs: { dest, mode: 'delete' } }], options);
  assert.deepEqual(readdirSync(dest), []);
});

test('places are looked at before the build', async (t) => {
  const dir = folder(t);
  mkdirSync(join(dir, 'folder'));
  writeFileSync(join(dir, 'file'), '');
  const check = (type: string, dest: string, isTTY = false): Promise<void> =>
    checkDestinations([{ type, attrs: { dest } }], { isTTY });
  await check('tar', join(dir, 'new'));
  await check('local', join(dir, 'a/b/c'));
  await check('tar', '-');
  await assert.rejects(check('tar', '-', true), /refusing to write to console/);
  await assert.rejects(check('tar', join(dir, 'folder')), /is a directory/);
  await assert.rejects(check('tar', join(dir, 'no/file')), /does not exist/);
  await assert.rejects(check('local', join(dir, 'file')), /is a file/);
  await assert.rejects(check('local', join(dir, 'file/below')), /is not a directory/);
});

test('the build’s own error is told when an output broke off for it, else the output’s', async (t) => {
  const dest = join(folder(t), 'x');
  const run = (stream: Readable, follow: () => Promise<string>): Promise<string> => {
    const options = { fetch: () => Promise.resolve(stream), stdout: ignore, note: () => undefined };
    const received = new ReceivedExports([{ type: 'tar', attrs: { dest } }], options);
    received.begin({ kind: 'export', id: 'x', form: 'tar', dest });
    return received.around(follow);
  };
  await assert.rejects(
    run(source(broken()), () => Promise.reject(new Error('layer gone'))),
    /layer gone/,
  );
  await assert.rejects(
    run(source(broken()), () => Promise.resolve('result')),
    /write output to/,
  );
  assert.equal(await run(source(), () => Promise.resolve('result')), 'result');
});
