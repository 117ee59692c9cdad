import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BuilderHarness } from '../support/builder-harness.ts';
import { entriesOf, inImage, readInImage } from '../support/image-files.ts';
import { serving } from '../support/loopback.ts';

const isRoot = process.getuid?.() === 0;
const skip = isRoot ? false : 'needs root';
let harness: BuilderHarness;

before(async () => {
  if (isRoot) harness = await BuilderHarness.open();
});

after(async () => {
  if (!isRoot) return;
  assert.deepEqual(await harness.leftovers(), []);
  await harness.close();
});

function add(rest: string, secrets: Record<string, string> = {}) {
  return harness.build({
    dockerfileText: `FROM scratch\nADD ${rest}\n`,
    secrets: new Map(Object.entries(secrets).map(([name, text]) => [name, Buffer.from(text)])),
  });
}

const sha256 = (text: string | Buffer): string => `sha256:${hash('sha256', text)}`;

test('ADD of an address: mode 600, the time of Last-Modified, which does not count for the key', { skip }, async () => {
  let lastModified = 'Wed, 21 Oct 2015 07:28:00 GMT';
  const listener = (_request: IncomingMessage, response: ServerResponse): void => {
    response.setHeader('last-modified', lastModified);
    response.setHeader('content-disposition', 'attachment; filename="other.txt"');
    response.end('content');
  };
  await serving(listener, async (url) => {
    const { image, result: _result } = await add(`${url}/a%20file.txt?x=y /d/`);
    assert.deepEqual(await entriesOf(harness, image), ['d d', 'f d/a file.txt']);
    await inImage(harness, image, (root) => {
      const stats = statSync(join(root, 'd/a file.txt'));
      assert.equal(stats.mode & 0o7777, 0o600);
      assert.equal(stats.mtime.toUTCString(), lastModified);
    });
    lastModified = 'Wed, 21 Oct 2020 07:28:00 GMT';
    assert.deepEqual((await add(`${url}/a%20file.txt?x=y /d/`)).statuses.slice(-1), ['ADD cached']);
    assert.deepEqual(await entriesOf(harness, (await add(`${url}/ /d/`)).image), ['d d', 'f d/__unnamed__']);
    await inImage(harness, (await add(`--chmod=0640 ${url}/x /x`)).image, (root) =>
      assert.equal(statSync(join(root, 'x')).mode & 0o7777, 0o640),
    );
  });
});

test('ADD of several sources: a later one replaces what an earlier one brought', { skip }, async () => {
  const context = { kind: 'directory', path: harness.context({ x: 'local' }) } as const;
  await serving(
    (_request, response) => void response.end('remote'),
    async (url) => {
      for (const [sources, expected] of [
        [`x ${url}/x`, 'remote'],
        [`${url}/x x`, 'local'],
      ] as const) {
        const { image } = await harness.build({ context, dockerfileText: `FROM scratch\nADD ${sources} /d/\n` });
        assert.equal(await readInImage(harness, image, 'd/x'), expected);
      }
    },
  );
});

test('ADD asks with the etag it knows and transfers nothing that is unchanged', { skip }, async () => {
  const seen: (string | undefined)[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    seen.push(request.headers['if-none-match']);
    response.setHeader('etag', '"one"');
    if (request.headers['if-none-match'] === '"one"') response.writeHead(304).end();
    else response.end('content');
  };
  await serving(listener, async (url) => {
    await add(`${url}/x /`);
    assert.deepEqual((await add(`${url}/x /`)).statuses.slice(-1), ['ADD cached']);
    assert.deepEqual(seen, [undefined, '"one"']);
  });
});

test('ADD --checksum refuses other bytes with both values, and what it cannot check', { skip }, async () => {
  await serving(
    (_request, response) => void response.end('content'),
    async (url) => {
      await add(`--checksum=${sha256('content')} ${url}/x /`);
      await assert.rejects(add(`--checksum=${sha256('other')} ${url}/y /`), {
        code: 'invalid_argument',
        message: new RegExp(`${sha256('content')} \\(expected: ${sha256('other')}\\)`),
      });
      await assert.rejects(add(`--checksum=md5:0 ${url}/x /`), { message: /invalid checksum digest format/ });
      await assert.rejects(add(`--checksum=${sha256('x')} ${url}/x ${url}/y /d/`), { message: /multiple sources/ });
      await assert.rejects(add(`--checksum=${sha256('x')} file /`), { message: /requires HTTP\(S\) or Git sources/ });
    },
  );
});

test('archives are known by their content: local ones are unpacked, remote ones with --unpack', { skip }, async () => {
  const folder = harness.context({ 'in/x': 'X' });
  const path = harness.context({ plain: 'p' });
  for (const [name, flag] of [
    ['gz', '-z'],
    ['bz2', '-j'],
    ['xz', '-J'],
    ['zst', '--zstd'],
    ['tar', '-v'],
  ] as const) {
    const { stdout, stderr, status } = spawnSync('tar', [flag, '-C', folder, '-cf', '-', 'in']);
    assert.equal(status, 0, stderr.toString());
    writeFileSync(join(path, `${name}.txt`), stdout);
  }
  const context = { kind: 'directory', path } as const;
  const build = (instruction: string) => harness.build({ context, dockerfileText: `FROM scratch\n${instruction}\n` });
  for (const name of ['gz', 'bz2', 'xz', 'zst', 'tar'])
    assert.deepEqual(
      await entriesOf(harness, (await build(`ADD ${name}.txt /out`)).image),
      ['d out', 'd out/in', 'f out/in/x'],
      name,
    );
  assert.deepEqual(await entriesOf(harness, (await build('ADD --unpack=false gz.txt /out')).image), ['f out']);
  assert.deepEqual(await entriesOf(harness, (await build('COPY gz.txt /out')).image), ['f out']);
  assert.deepEqual(await entriesOf(harness, (await build('ADD plain /out')).image), ['f out']);
  writeFileSync(join(path, 'broken.tar.gz'), readFileSync(join(path, 'gz.txt')).subarray(0, 60));
  assert.deepEqual(await entriesOf(harness, (await build('ADD broken.tar.gz /out')).image), ['f out']);
  const archive = readFileSync(join(path, 'gz.txt'));
  await serving(
    (_request, response) => void response.end(archive),
    async (url) => {
      assert.deepEqual(await entriesOf(harness, (await add(`${url}/a.tar.gz /out`)).image), ['f out']);
      const unpacked = await add(`--unpack ${url}/a.tar.gz /out/`);
      assert.deepEqual(await entriesOf(harness, unpacked.image), ['d out', 'd out/in', 'f out/in/x']);
      const named = await harness.build({
        dockerfileText: 'FROM scratch\nCOPY --from=more . /\n',
        contexts: { more: `${url}/a.tar.gz` },
      });
      assert.deepEqual(await entriesOf(harness, named.image), ['d in', 'f in/x']);
    },
  );
});

test('a context from an address: an archive’s files, or the file is the Dockerfile', { skip }, async () => {
  const folder = harness.context({
    Dockerfile: 'FROM scratch\nCOPY . /\n',
    '.dockerignore': 'a\n',
    a: 'a',
    'sub/Own': 'FROM scratch\nCOPY a /b\n',
  });
  const { stdout } = spawnSync('tar', ['-z', '-C', folder, '-cf', '-', '.']);
  const answer = (request: IncomingMessage, response: ServerResponse): void =>
    void response.end(request.url === '/a.tgz' ? stdout : 'FROM scratch\nCOPY context /copied\n');
  await serving(answer, async (url) => {
    const build = (path: string, dockerfile = 'Dockerfile') =>
      harness.build({ context: { kind: 'http', address: url + path }, dockerfile });
    assert.ok((await entriesOf(harness, (await build('/a.tgz')).image)).includes('f a'));
    assert.deepEqual(await entriesOf(harness, (await build('/a.tgz', 'sub/Own')).image), ['f b']);
    assert.deepEqual(await entriesOf(harness, (await build('/Dockerfile')).image), ['f copied']);
    await assert.rejects(build('/a.tgz', 'none'), { message: /failed to read dockerfile: open none/ });
  });
  await assert.rejects(harness.build({ context: { kind: 'http', address: 'file:///etc/passwd' } }), {
    message: /another protocol/,
  });
});

test('secrets authorize a download at their host and nowhere else', { skip }, async () => {
  const seen: (string | undefined)[] = [];
  const elsewhere: (string | undefined)[] = [];
  await serving(
    (request, response) => {
      elsewhere.push(request.headers.authorization);
      response.end('moved');
    },
    (other) =>
      serving(
        (request, response) => {
          seen.push(request.headers.authorization);
          if (request.url === '/away') response.writeHead(302, { location: `${other}/x` }).end();
          else response.end(request.url);
        },
        async (url) => {
          await add(`${url}/token /`, { 'HTTP_AUTH_TOKEN_127.0.0.1': 'tok-91c\n' });
          await add(`${url}/header /`, { 'HTTP_AUTH_HEADER_127.0.0.1': 'Custom abc' });
          await add(`${url}/none /`, { 'HTTP_AUTH_TOKEN_other.test': 'tok-91c' });
          const built = await add(`${url.replace('http://', 'http://me:tok-91c@')}/user /`);
          await add(`${url}/away /`, { 'HTTP_AUTH_TOKEN_127.0.0.1': 'tok-91c' });
          await assert.rejects(add(`${url}/bad /`, { 'HTTP_AUTH_TOKEN_127.0.0.1': 'a\nX-Evil: tok-91c' }), {
            message: /secret HTTP_AUTH_TOKEN_127\.0\.0\.1: it is empty or holds control characters/,
          });
          assert.ok(!JSON.stringify([built.image.config, built.events]).includes('tok-91c'));
        },
      ),
  );
  const basic = `Basic ${Buffer.from('me:tok-91c').toString('base64')}`;
  assert.deepEqual(seen, ['Bearer tok-91c', 'Custom abc', undefined, basic, 'Bearer tok-91c']);
  assert.deepEqual(elsewhere, [undefined]);
  const left = spawnSync('grep', ['-rlE', `tok-91c|${basic.slice(6)}`, harness.dir], { encoding: 'utf8' }).stdout;
  assert.equal(left, '');
});

test(
  'a server that errs, sends too little, leads in circles or to other protocols fails the step clearly',
  { skip },
  async () => {
    await serving(
      (request, response) => {
        switch (request.url) {
          case '/circle':
            response.writeHead(302, { location: '/circle' }).end();
            break;
          case '/file':
            response.writeHead(302, { location: 'file:///etc/passwd' }).end();
            break;
          case '/short':
            response.writeHead(200, { 'content-length': '100' }).write('ten bytes!');
            setImmediate(() => response.destroy());
            break;
          default:
            response.writeHead(404).end('no');
        }
      },
      async (url) => {
        await assert.rejects(add(`${url}/circle /`), { message: /more than 10 redirects/ });
        await assert.rejects(add(`${url}/file /`), { message: /leads to another protocol/ });
        await assert.rejects(add(`${url}/absent /`), { message: /invalid response status 404/ });
        await assert.rejects(add(`${url}/short /`), { code: 'unavailable', message: /fetch "http:.*\/short"/ });
      },
    );
    await assert.rejects(add('http://127.0.0.1:1/x /'), { code: 'unavailable', message: /ECONNREFUSED|bad port/ });
  },
);

test('ONBUILD may copy and mount from stages and images that only the triggers use', { skip }, async () => {
  await harness.build({
    tags: ['withtriggers'],
    dockerfileText:
      'FROM busybox\nONBUILD COPY --from=made /made /copied\nONBUILD RUN --mount=from=made,target=/m cat /m/made\nONBUILD COPY --from=busybox /etc/passwd /pw\n',
  });
  const built = await harness.build({
    dockerfileText: 'FROM busybox AS made\nRUN echo value > /made\nFROM withtriggers\nRUN cat /copied\n',
  });
  assert.equal(built.output, 'value\nvalue\n');
  assert.equal(await readInImage(harness, built.image, 'copied'), 'value\n');
  assert.deepEqual(built.image.config.config.OnBuild ?? [], []);
  await assert.rejects(harness.build({ dockerfileText: 'FROM withtriggers\n' }), { message: /made/ });
});

test('a rename inside the context is no change of content elsewhere', { skip }, async () => {
  const path = harness.context({ 'a/x': 'x', b: 'b' });
  const request = { context: { kind: 'directory', path }, dockerfileText: 'FROM scratch\nCOPY a /\n' } as const;
  await harness.build(request);
  renameSync(join(path, 'b'), join(path, 'c'));
  assert.deepEqual((await harness.build(request)).statuses.slice(-1), ['COPY cached']);
});
