import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { BuildRequest, CreateContainer, Engine, ProgressMessage } from '../engine/index.ts';
import { isLadingError, LadingError } from '../errors/index.ts';
import { parseHost } from './listen.ts';
import { serveApi } from './server.ts';
import { CONTAINER_ID, containerView, echoAttachment, fakeEngine, IMAGE_ID } from './testing/fake-engine.ts';
import { readAll, testServer } from './testing/test-server.ts';

const UPGRADE = 'Host: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n';

test('/_ping has the headers clients negotiate by', async () => {
  await using server = await testServer(fakeEngine());
  for (const method of ['GET', 'HEAD']) {
    const { status, headers, body } = await server.call(method, '/_ping');
    assert.equal(status, 200);
    assert.equal(headers['api-version'], '1.47');
    assert.equal(headers['ostype'], 'linux');
    assert.equal(headers['builder-version'], '1');
    assert.equal(body, method === 'GET' ? 'OK' : '');
  }
});

test("versions outside the range are refused in Docker's words", async () => {
  await using server = await testServer(fakeEngine());
  const tooNew = await server.call('GET', '/v1.99/info');
  assert.equal(tooNew.status, 400);
  assert.equal(tooNew.json().message, 'client version 1.99 is too new. Maximum supported API version is 1.47');
  assert.match((await server.call('GET', '/v1.12/info')).json().message, /client version 1.12 is too old/);
  assert.deepEqual((await server.call('GET', '/nowhere')).json(), { message: 'page not found' });
});

test('errors become statuses by code, hints a last line', async () => {
  const start = (ref: string): Promise<void> =>
    Promise.reject(
      ref === 'same' ? new LadingError('not_modified', 'x') : new LadingError('conflict', 'busy', { hint: 'wait' }),
    );
  await using server = await testServer(fakeEngine({ containers: { start } }));
  assert.equal((await server.call('GET', '/containers/nope/json')).status, 404);
  assert.equal((await server.call('POST', '/containers/same/start')).status, 304);
  const busy = await server.call('POST', '/containers/web/start');
  assert.deepEqual([busy.status, busy.json()], [409, { message: 'busy\nhint: wait' }]);
  assert.equal((await server.call('GET', '/containers/web/stats')).status, 501);
});

test('containers are listed by filters', async () => {
  const stopped = containerView({
    id: 'd'.repeat(64),
    name: 'old',
    state: { ...containerView().state, status: 'exited' },
  });
  await using server = await testServer(fakeEngine({ containers: { list: async () => [containerView(), stopped] } }));
  const names = async (query: string): Promise<string[]> =>
    (await server.call('GET', `/containers/json?${query}`)).json().map((item: any) => item.Names[0]);
  const filter = (value: object): string => `filters=${encodeURIComponent(JSON.stringify(value))}`;
  assert.deepEqual(await names(''), ['/web']);
  assert.deepEqual(await names('all=1'), ['/web', '/old']);
  assert.deepEqual(await names('limit=1'), ['/web']);
  assert.deepEqual(await names(filter({ status: ['exited'] })), ['/old']);
  assert.deepEqual(await names(filter({ name: ['we'], label: ['tier=front'] })), ['/web']);
  assert.deepEqual(await names(filter({ publish: ['8000-8090'] })), ['/web']);
  assert.deepEqual(await names(filter({ expose: ['443'] })), ['/web']);
  assert.deepEqual(await names(filter({ network: ['other'] })), []);
  assert.equal((await server.call('GET', `/containers/json?${filter({ nope: ['1'] })}`)).status, 400);
});

test('create passes on what was asked and drops zero values', async () => {
  let asked: CreateContainer | undefined;
  const create = async (request: CreateContainer) => {
    asked = request;
    return { id: CONTAINER_ID, warnings: [] };
  };
  await using server = await testServer(fakeEngine({ containers: { create } }));
  const body = {
    Image: 'alpine',
    Cmd: ['sh'],
    Entrypoint: null,
    User: '',
    HostConfig: {
      NetworkMode: 'default',
      Memory: 0,
      Binds: null,
      AutoRemove: true,
      CapAdd: [],
      LogConfig: { Type: '', Config: {} },
      ConsoleSize: [0, 0],
    },
    NetworkingConfig: { EndpointsConfig: { default: { Aliases: null, IPAMConfig: null } } },
  };
  const created = await server.call('POST', '/v1.47/containers/create?name=/x', body);
  assert.deepEqual([created.status, created.json()], [201, { Id: CONTAINER_ID, Warnings: [] }]);
  assert.deepEqual(asked, {
    name: 'x',
    config: { Image: 'alpine', Cmd: ['sh'] },
    hostConfig: { NetworkMode: 'bridge', AutoRemove: true },
    endpoints: { bridge: {} },
  });
  assert.equal((await server.call('POST', '/containers/create', { ...body, Env: 'A=1' })).status, 400);
  assert.equal((await server.call('POST', '/containers/create', '{')).status, 400);
  assert.equal(
    (await server.call('POST', '/containers/create', { Image: 'a', HostConfig: { Links: ['a'] } })).status,
    501,
  );
});

test('wait sends its header before the container exits', async () => {
  const exit = Promise.withResolvers<{ exitCode: number }>();
  await using server = await testServer(fakeEngine({ containers: { wait: () => exit.promise } }));
  const socket = server.raw(
    'POST /containers/web/wait?condition=next-exit HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n',
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  assert.match(head.toString(), /^HTTP\/1.1 200 OK/);
  exit.resolve({ exitCode: 3 });
  assert.match((await readAll(socket)).toString(), /\{"StatusCode":3\}/);
});

test('attach upgrades, multiplexes, and takes a half close as end of input', async () => {
  const attachment = echoAttachment();
  await using server = await testServer(fakeEngine({ containers: { attach: async () => attachment } }));
  const query = 'stream=1&stdin=1&stdout=1&stderr=1';
  const socket = server.raw(
    `POST /v1.47/containers/web/attach?${query} HTTP/1.1\r\n${UPGRADE}Content-Length: 0\r\n\r\nearly `,
  );
  socket.write('late');
  socket.end();
  const [head = '', body = ''] = (await readAll(socket)).toString('latin1').split('\r\n\r\n');
  assert.match(head, /^HTTP\/1.1 101 UPGRADED\r\nContent-Type: application\/vnd.docker.multiplexed-stream/);
  assert.ok(body.includes('\x02\0\0\0\0\0\0\x04oops'), 'standard error is framed as 2');
  assert.equal(body.replace(/[\x01\x02]\0\0\0\0\0\0[^]/g, '').replace('oops', ''), 'early late');
  assert.ok(attachment.detached);
});

test("the detach keys end a terminal's attach and leave the container", async () => {
  const attachment = echoAttachment();
  const get = async () => containerView({ config: { Image: 'a', Tty: true } });
  await using server = await testServer(fakeEngine({ containers: { get, attach: async () => attachment } }));
  const socket = server.raw(`POST /containers/web/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n${UPGRADE}\r\n\x10\x11`);
  assert.match((await readAll(socket)).toString(), /application\/vnd.docker.raw-stream/);
  assert.ok(attachment.detached);
  assert.ok(!attachment.stdin?.writableEnded, 'the container sees no end of input');
});

const EXEC = { id: 'e', containerId: CONTAINER_ID, running: false, exitCode: null, pid: 0 };

test('exec start reads its JSON body behind an upgrade header, and input after it', async () => {
  const config = { Cmd: ['cat'], AttachStdout: true };
  const containers = { execInspect: async () => ({ ...EXEC, config }), execStart: async () => echoAttachment() };
  await using server = await testServer(fakeEngine({ containers }));
  const body = '{"Detach":false,"Tty":false}';
  const socket = server.raw(
    `POST /exec/e/start HTTP/1.1\r\n${UPGRADE}Content-Length: ${body.length}\r\n\r\n${body.slice(0, 9)}`,
  );
  setTimeout(() => socket.end(`${body.slice(9)}input`), 20);
  assert.match((await readAll(socket)).toString('latin1'), /\r\n\r\n\x01\0\0\0\0\0\0\x05input$/);
});

test('an exec that cannot start says so inside the stream', async () => {
  const execStart = () => Promise.reject(new LadingError('invalid_argument', 'exec failed: no such file'));
  const containers = { execInspect: async () => ({ ...EXEC, config: { Cmd: ['x'] } }), execStart };
  await using server = await testServer(fakeEngine({ containers }));
  const socket = server.raw(`POST /exec/e/start HTTP/1.1\r\n${UPGRADE}Content-Length: 2\r\n\r\n{}`);
  assert.match((await readAll(socket)).toString(), /^HTTP\/1.1 101[^]*exec failed: no such file\r\n$/);
});

test('errors before an upgrade are ordinary answers, and without Upgrade a raw 200 is sent', async () => {
  const containers = { attach: async () => echoAttachment() };
  await using server = await testServer(fakeEngine({ containers }));
  const failed = server.raw(`POST /containers/nope/attach HTTP/1.1\r\n${UPGRADE}\r\n`);
  assert.match((await readAll(failed)).toString(), /^HTTP\/1.1 404 [^]*No such container: nope/);
  const plain = await server.call('POST', '/containers/web/attach?stream=1&stdin=1&stdout=1', 'typed');
  assert.equal(plain.headers['content-type'], 'application/vnd.docker.raw-stream');
  assert.equal(plain.body, '\x01\0\0\0\0\0\0\x05typed');
  const grpc = server.raw('POST /grpc HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  assert.match((await readAll(grpc)).toString(), /^HTTP\/1.1 501 /);
});

test('logs are framed and stamped', async () => {
  const line = { stream: 'stderr', time: '2026-01-01T00:00:00.000000001+00:00', data: Buffer.from('x\n') } as const;
  const logs: Engine['containers']['logs'] = async () => ({
    tty: false,
    lines: (async function* () {
      yield line;
    })(),
  });
  await using server = await testServer(fakeEngine({ containers: { logs } }));
  const { body } = await server.call('GET', '/containers/web/logs?stderr=1&timestamps=1');
  assert.equal(body, '\x02\0\0\0\0\0\0\x212026-01-01T00:00:00.000000001Z x\n');
  assert.equal((await server.call('GET', '/containers/web/logs')).status, 400);
});

test('archive sends the stat as base64 JSON', async () => {
  const stat = { name: 'f', size: 1, mode: 0o644, mtime: '2026-01-01T00:00:00Z', linkTarget: '' };
  const containers = {
    statPath: async () => stat,
    archive: async () => ({ stat, tar: Readable.from([Buffer.from('tar')]) }),
  };
  await using server = await testServer(fakeEngine({ containers }));
  for (const method of ['HEAD', 'GET']) {
    const { headers, body } = await server.call(method, '/containers/web/archive?path=/f');
    const header = String(headers['x-docker-container-path-stat']);
    assert.deepEqual(JSON.parse(Buffer.from(header, 'base64').toString()), stat);
    assert.equal(body, method === 'GET' ? 'tar' : '');
  }
});

test('pull: an early failure is a status, a late one a line', async () => {
  const asked: string[] = [];
  const pull: Engine['images']['pull'] = async (ref, { onProgress, credentials }) => {
    asked.push(`${ref} ${credentials?.username}`);
    if (ref.includes('late')) onProgress({ status: 'Pulling' });
    throw new LadingError('not_found', 'no such manifest');
  };
  await using server = await testServer(fakeEngine({ images: { pull } }));
  const auth = { 'X-Registry-Auth': Buffer.from('{"username":"u","password":"p"}').toString('base64url') };
  assert.equal(
    (await server.call('POST', `/images/create?fromImage=a&tag=sha256:${'a'.repeat(64)}`, undefined, auth)).status,
    404,
  );
  const late = await server.call('POST', '/images/create?fromImage=h:5000/late&tag=1');
  assert.equal(late.status, 200);
  const lines = late.body
    .trim()
    .split('\r\n')
    .map((line) => JSON.parse(line) as ProgressMessage);
  assert.deepEqual(
    lines.map(({ status, error }) => status ?? error),
    ['Pulling', 'no such manifest'],
  );
  assert.deepEqual(asked, [`a@sha256:${'a'.repeat(64)} u`, 'h:5000/late:1 undefined']);
});

test('a client that goes away aborts its pull', async () => {
  const aborted = Promise.withResolvers<void>();
  const pull: Engine['images']['pull'] = (_ref, { signal, onProgress }) => {
    onProgress({ status: 'Pulling' });
    signal?.addEventListener('abort', () => aborted.resolve());
    return new Promise(() => undefined);
  };
  await using server = await testServer(fakeEngine({ images: { pull } }));
  const socket = server.raw('POST /images/create?fromImage=a HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
  await aborted.promise;
});

function buildEngine(seen: BuildRequest[]): Engine {
  return fakeEngine({
    builder: {
      build: async (request, { onEvent }) => {
        seen.push(request);
        onEvent({ kind: 'step', step: 1, total: 2, stage: '', place: '[1/2]', name: 'FROM alpine', status: 'cached' });
        if (request.target === 'bad') throw new LadingError('invalid_argument', 'step 2 failed', { hint: 'fix it' });
        onEvent({ kind: 'output', step: 2, stream: 'stdout', text: 'hello\n' });
        return { imageId: IMAGE_ID, tags: ['a:latest'], metadata: {} };
      },
    },
  });
}

test("build answers in the classic builder's words", async () => {
  const seen: BuildRequest[] = [];
  await using server = await testServer(buildEngine(seen));
  const limits =
    'memory=1024&cpuquota=0&cpusetcpus=0-1&ulimits=[{"Name":"nofile","Soft":1,"Hard":2}]&squash=1&shmsize=4096';
  const { body } = await server.call('POST', `/build?t=a&buildargs={"A":"1","B":null}&nocache=1&${limits}`, 'tar');
  const text = body
    .split('\r\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ProgressMessage);
  assert.equal(
    text.map(({ stream = '' }) => stream).join(''),
    'Step 1/2 : FROM alpine\n ---> Using cache\nhello\nSuccessfully built aaaaaaaaaaaa\nSuccessfully tagged a:latest\n',
  );
  assert.ok(text.some(({ aux }) => JSON.stringify(aux) === JSON.stringify({ ID: IMAGE_ID })));
  assert.deepEqual(seen[0]?.limits, { memoryBytes: 1024, cpusetCpus: '0-1' });
  assert.deepEqual(seen[0]?.ulimits, [{ Name: 'nofile', Soft: 1, Hard: 2 }]);
  assert.deepEqual([seen[0]?.squash, seen[0]?.shmSizeBytes], ['since-base', 4096]);
  assert.equal((await server.call('POST', '/build?ulimits=[{"Name":1}]', 'tar')).status, 400);
  assert.deepEqual([seen[0]?.buildArgs, seen[0]?.noCache, seen[0]?.context.kind], [{ A: '1' }, true, 'tar']);
  assert.equal((await server.call('POST', '/build?q=1')).body, `${JSON.stringify({ stream: `${IMAGE_ID}\n` })}\r\n`);
  assert.match(
    (await server.call('POST', '/build?target=bad')).body,
    /"errorDetail":\{"code":400,"message":"step 2 failed/,
  );
  assert.equal((await server.call('POST', '/build?version=2')).status, 501);
});

/** A request of lading's client: length, settings, the rest. */
function buildBody(settings: object, rest = ''): Buffer {
  const document = Buffer.from(JSON.stringify(settings));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(document.length);
  return Buffer.concat([length, document, Buffer.from(rest)]);
}

const BUILD_HEADERS = {
  Accept: 'application/vnd.lading.build-events+json',
  'Content-Type': 'application/vnd.lading.build-request',
};

test("build of lading's client reads a folder in place and streams events", async () => {
  const seen: BuildRequest[] = [];
  await using server = await testServer(buildEngine(seen));
  const call = (settings: object, rest = '') => server.call('POST', '/build', buildBody(settings, rest), BUILD_HEADERS);
  const context = { kind: 'directory', path: '/src' };
  const done = await call({
    context,
    dockerfileText: 'FROM alpine',
    platforms: ['linux/arm64'],
    secrets: { key: Buffer.from('hidden').toString('base64') },
    credentials: { 'r.test': { username: 'u', password: 'p' } },
  });
  assert.deepEqual(seen[0]?.context, context);
  assert.equal(seen[0]?.dockerfileText, 'FROM alpine');
  assert.deepEqual(seen[0]?.platforms, [{ os: 'linux', architecture: 'arm64' }]);
  assert.equal(Buffer.from(seen[0]?.secrets?.get('key') ?? []).toString(), 'hidden');
  assert.deepEqual(seen[0]?.credentials, { 'r.test': { username: 'u', password: 'p' } });
  const last = (text: string): unknown => JSON.parse(text.trim().split('\r\n').at(-1) ?? '');
  assert.deepEqual(last(done.body), { kind: 'result', imageId: IMAGE_ID, tags: ['a:latest'], metadata: {} });
  const failed = await call({ context, target: 'bad' });
  assert.deepEqual(last(failed.body), {
    kind: 'error',
    message: 'step 2 failed',
    hint: 'fix it',
    code: 'invalid_argument',
  });
  assert.equal((await call({ context: { kind: 'directory', path: 'src' } })).status, 400);
});

test("build of lading's client takes a tar behind the settings and names what is wrong with them", async () => {
  let tar = '';
  const build: Engine['builder']['build'] = async ({ context }) => {
    if (context.kind === 'tar') for await (const chunk of context.stream) tar += String(chunk);
    return { tags: [], metadata: {} };
  };
  await using server = await testServer(fakeEngine({ builder: { build } }));
  const call = (body: Buffer) => server.call('POST', '/build', body, BUILD_HEADERS);
  assert.equal((await call(buildBody({ context: { kind: 'tar' } }, 'the files'))).status, 200);
  assert.equal(tar, 'the files');
  for (const [body, expected] of [
    [buildBody({ tags: 'a' }), /invalid build.tags: "a": a list is wanted/],
    [buildBody({ squash: 'all' }), /invalid build.squash: "all": one of stage, since-base is wanted/],
    [Buffer.from('ab'), /invalid build request: it ended early/],
    [Buffer.from('\0\0\0\x02{]'), /its settings are not JSON/],
    [Buffer.from([255, 255, 255, 255]), /settings of 4294967295 bytes/],
  ] as const) {
    const { status, body: answer } = await call(body);
    assert.equal(status, 400, answer);
    assert.match((JSON.parse(answer) as { message: string }).message, expected);
  }
});

test('serveApi() takes over a dead socket, not a live one, nor another file', async () => {
  await using server = await testServer(fakeEngine());
  const host = server.socketPath;
  const conflict = (error: unknown): boolean => isLadingError(error, 'conflict');
  await assert.rejects(serveApi(fakeEngine(), { host }), conflict);
  writeFileSync(`${host}.txt`, '');
  await assert.rejects(serveApi(fakeEngine(), { host: `${host}.txt` }), conflict);
});

test('parseHost() serves TCP on loopback only', () => {
  assert.deepEqual(parseHost('tcp://127.0.0.1:2375'), { kind: 'tcp', host: '127.0.0.1', port: 2375 });
  assert.deepEqual(parseHost('unix:///a/b'), { kind: 'unix', path: '/a/b' });
  assert.throws(
    () => parseHost('tcp://0.0.0.0:2375'),
    (error) => isLadingError(error, 'invalid_argument'),
  );
});
