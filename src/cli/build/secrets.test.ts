import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { secretsOf } from './secrets.ts';
import { openSshAgents } from './ssh.ts';

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), 'lading-cli-secrets-'))));
after(() => rmSync(folder, { recursive: true }));

describe('--secret', () => {
  const texts = (words: readonly string[], env = {}): Record<string, string> =>
    Object.fromEntries(Object.entries(secretsOf(words, env)).map(([id, bytes]) => [id, Buffer.from(bytes).toString()]));

  test('reads files and variables by buildx’s rules', () => {
    const file = join(folder, 'file');
    writeFileSync(file, 'of the file');
    const env = { VAR: 'of the variable' };
    assert.deepEqual(texts([`id=a,src=${file}`, `id=b,source=${file}`, 'id=c,env=VAR', 'type=env,id=d,src=VAR'], env), {
      a: 'of the file',
      b: 'of the file',
      c: 'of the variable',
      d: 'of the variable',
    });
    assert.deepEqual(texts(['id=VAR'], env), { VAR: 'of the variable' });
    assert.deepEqual(texts([`id=${file}`], env), { [file]: 'of the file' });
    assert.deepEqual(texts([`type=file,id=${file}`], { [file]: 'no' }), { [file]: 'of the file' });
    assert.deepEqual(texts([`id=q,"src=${file}"`]), { q: 'of the file' });
    assert.deepEqual(texts(['id=e,env=NOT_SET']), {}, 'a variable that is not set is no secret');
  });

  test('says what is wrong', () => {
    for (const [word, reason] of [
      ['src=/x', /secret missing ID/],
      ['id=a,src', /invalid field 'src' must be a key=value pair/],
      ['id=a,path=/x', /unexpected key 'path' in 'path=\/x'/],
      ['id=a,type=vault', /unsupported secret type "vault"/],
      ['id=a,src=/not/there', /cannot read secret "a"/],
    ] as const)
      assert.throws(() => secretsOf([word], {}), reason, word);
    const big = join(folder, 'big');
    writeFileSync(big, Buffer.alloc(500 * 1024 + 1));
    assert.throws(() => secretsOf([`id=a,src=${big}`], {}), /too big\. max size 500KB/);
  });
});

describe('--ssh', () => {
  test('uses agents that run as they are', async () => {
    const socket = join(folder, 'agent.sock');
    const server = createServer().listen(socket);
    await using agents = await openSshAgents(['default', `other=${socket}`], { SSH_AUTH_SOCK: socket });
    assert.deepEqual(agents.sockets, { default: socket, other: socket });
    await assert.rejects(openSshAgents([`a=${socket},${folder}`], {}), /invalid combination of keys and sockets/);
    server.close();
  });

  test('says what is wrong', async () => {
    await assert.rejects(openSshAgents(['default'], {}), /SSH_AUTH_SOCK is not set/);
    await assert.rejects(
      openSshAgents(['a=/not/there'], {}),
      /--ssh a: cannot read "\/not\/there": no such file or directory/,
    );
    await assert.rejects(openSshAgents(['a=/x', 'a=/x'], {}), /no such file|duplicate/);
    await assert.rejects(openSshAgents(['d', 'd'], { SSH_AUTH_SOCK: '/x' }), /duplicate agent ID "d"/);
  });
});
