import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import type { Command, Context } from '../../command.ts';
import { parseArguments } from '../../flags.ts';
import { command as check } from './check.ts';
import { command as fix } from './fix.ts';

const DIGEST = `sha256:${'b'.repeat(64)}`;

/** A context whose daemon knows one image. */
function fakeContext(stdin: string) {
  const written = { out: '', err: '' };
  const context = {
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: { write: (text: string) => void (written.out += text) },
    stderr: { write: (text: string) => void (written.err += text) },
    env: { HOME: '/nonexistent' },
    configDir: '/nonexistent',
    client: {
      images: {
        distribution: async (name: string) => {
          if (name === 'known:1') return { Descriptor: { digest: DIGEST } };
          throw new Error('not\nfound');
        },
      },
    },
  };
  return { context: context as unknown as Context, written };
}

async function run(command: Command, words: readonly string[], stdin = '') {
  const { flags, args } = parseArguments(words, command.flags, { stopAtPositional: false });
  const { context, written } = fakeContext(stdin);
  const status = (await command.run({ flags, args, context })) ?? 0;
  return { status, ...written };
}

function file(t: TestContext, text: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'lading-fix-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'Dockerfile');
  writeFileSync(path, text);
  chmodSync(path, 0o640);
  return path;
}

test('dockerfile fix writes the file in place, through links, with its mode', async (t) => {
  const path = file(t, 'FROM a\nENV x y z\nCMD a && b\n');
  symlinkSync('Dockerfile', `${path}.link`);
  const { err, out, status } = await run(fix, [`${path}.link`]);
  assert.deepEqual([out, status], ['', 0]);
  assert.equal(readFileSync(path, 'utf8'), 'FROM a\nENV x="y z"\nCMD a && b\n');
  assert.equal(statSync(path).mode & 0o7777, 0o640);
  assert.match(
    err,
    /:2: fixed LegacyKeyValueFormat: .*\n.*:3: left JSONArgsRecommended: .*\n {4}it needs the shell for "&&"/,
  );
  assert.match(err, /: 1 finding fixed, 1 left\n$/);
});

test('dockerfile fix --diff prints and writes nothing', async (t) => {
  const path = file(t, 'FROM a\nMAINTAINER x\n');
  const { out } = await run(fix, ['--diff', path]);
  assert.equal(
    out,
    `--- ${path}\n+++ ${path}\n@@ -1,2 +1,2 @@\n FROM a\n-MAINTAINER x\n+LABEL org.opencontainers.image.authors="x"\n`,
  );
  assert.equal(readFileSync(path, 'utf8'), 'FROM a\nMAINTAINER x\n');
});

test('dockerfile fix --pin asks the daemon for digests', async () => {
  const { out, err } = await run(fix, ['--pin', '-'], 'FROM known:1 AS a\nFROM a\nFROM unknown\n');
  assert.equal(out, `FROM known:1@${DIGEST} AS a\nFROM a\nFROM unknown\n`);
  assert.match(
    err,
    /:1: fixed Pin: base image known:1 may change under its name\n.*:3: left Pin: .*\n {4}not; found\n/,
  );
});

test('dockerfile fix shows what is wrong with a file', async () => {
  await assert.rejects(run(fix, ['-'], 'FRM x\n'), {
    message:
      /^ERROR: dockerfile parse error on line 1: unknown instruction: FRM[^]*\^\^\^[^]*hint: instructions are ADD/,
  });
  await assert.rejects(run(fix, ['/nonexistent/file']), { code: 'not_found' });
  await assert.rejects(run(fix, [tmpdir()]), { message: /it is a folder$/ });
});

test('dockerfile fix refuses what it could not write back as it was', async (t) => {
  const path = file(t, '');
  writeFileSync(path, Buffer.from([0x46, 0xff, 0xfe]));
  await assert.rejects(run(fix, [path]), { message: /it is not UTF-8 text$/ });
});

test('dockerfile check needs no daemon', async () => {
  assert.deepEqual(await run(check, ['-'], 'FROM a\n'), {
    status: 0,
    out: 'Check complete, no warnings found.\n',
    err: '',
  });
  const { status, out } = await run(check, ['--format', 'json', '-'], 'FROM a\nMAINTAINER x\n');
  assert.equal(status, 1);
  assert.equal((JSON.parse(out) as { warnings: object[] }).warnings.length, 1);
  const broken = await run(check, ['-'], 'FRM a\n');
  assert.equal(broken.status, 1);
  assert.match(broken.out, /ERROR: dockerfile parse error on line 1[^]*hint: /);
});
