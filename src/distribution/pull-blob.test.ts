import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ScriptedRegistry, failWith, inTurn, type Reply } from '../../test/support/scripted-registry.ts';
import { LocalContentStore } from '../content/index.ts';
import { LadingError } from '../errors/index.ts';
import { MEDIA, digestOf, parseReference, type Descriptor, type Reference } from '../oci/index.ts';
import { RegistryClient, type RegistryOptions } from './index.ts';

const BYTES = randomBytes(400_000);
const DESCRIPTOR: Descriptor = { mediaType: MEDIA.ociLayer, digest: digestOf(BYTES), size: BYTES.length };

let root: string;
let store: LocalContentStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lading-pull-'));
  store = await LocalContentStore.open(root, { durable: false });
});

afterEach(async () => rm(root, { recursive: true, force: true }));

function clientWith(options: RegistryOptions = {}): RegistryClient {
  return new RegistryClient({ retry: { attempts: 3, baseDelayMs: 1 }, stallTimeoutMs: 300, proxyEnv: {}, ...options });
}

function at(registry: ScriptedRegistry): Reference {
  return parseReference(`${registry.host}/app`);
}

/** Serves the blob properly, ranges included. */
const serve: Reply = (response, { headers }) => {
  const start = Number(/^bytes=([0-9]+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
  const range = `bytes ${start}-${BYTES.length - 1}/${BYTES.length}`;
  response.writeHead(start > 0 ? 206 : 200, {
    'content-length': BYTES.length - start,
    ...(start > 0 ? { 'content-range': range } : {}),
  });
  response.end(BYTES.subarray(start));
};

/** Announces everything and hangs up after `count` bytes of what it should send. */
function dropAfter(count: number): Reply {
  return (response, { headers }) => {
    const start = Number(/^bytes=([0-9]+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    const range = { 'content-range': `bytes ${start}-${BYTES.length - 1}/${BYTES.length}` };
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': BYTES.length - start, ...(start > 0 ? range : {}) });
    response.write(BYTES.subarray(start, start + count), () => setTimeout(() => response.destroy(), 20));
  };
}

function chunked(bytes: Buffer): Reply {
  return (response) => void response.writeHead(200).end(bytes);
}

async function pull(registry: ScriptedRegistry, client = clientWith()): Promise<void> {
  using owned = client;
  await owned.pullBlob(at(registry), DESCRIPTOR, store);
}

function failsWith(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof LadingError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

async function assertStored(): Promise<void> {
  assert.deepEqual(await store.read(DESCRIPTOR.digest), BYTES);
  assert.deepEqual(await readdir(join(root, 'ingest')), []);
}

async function assertClean(): Promise<void> {
  assert.deepEqual(await readdir(join(root, 'ingest')), []);
  assert.equal(await store.info(DESCRIPTOR.digest), undefined);
}

test('pullBlob() stores a verified blob and reports progress', async () => {
  await using registry = await ScriptedRegistry.start(serve);
  using client = clientWith();
  const progress: number[] = [];
  await client.pullBlob(at(registry), DESCRIPTOR, store, { onProgress: (bytes) => progress.push(bytes) });
  await assertStored();
  assert.equal(progress.at(-1), BYTES.length);
});

test('pullBlob() continues by range after dropped connections, as long as it gets further', async () => {
  await using registry = await ScriptedRegistry.start(
    inTurn(dropAfter(80_000), dropAfter(80_000), dropAfter(80_000), dropAfter(80_000), serve),
  );
  await pull(registry);
  await assertStored();
  assert.deepEqual(
    registry.asked.map(({ headers }) => headers.range),
    [undefined, 'bytes=80000-', 'bytes=160000-', 'bytes=240000-', 'bytes=320000-'],
  );
});

test('pullBlob() continues what an earlier, failed pull has left', async () => {
  await using registry = await ScriptedRegistry.start(inTurn(dropAfter(100_000), dropAfter(0)));
  await assert.rejects(
    pull(registry),
    failsWith('unavailable', /contact registry "127\.0\.0\.1:\d+": connection dropped/),
  );
  await using healthy = await ScriptedRegistry.start(serve);
  await pull(healthy);
  await assertStored();
  assert.equal(healthy.asked[0]?.headers.range, 'bytes=100000-');
});

test('pullBlob() takes a registry that ignores ranges', async () => {
  await using registry = await ScriptedRegistry.start(inTurn(dropAfter(100_000), chunked(BYTES)));
  await pull(registry);
  await assertStored();
});

test('pullBlob() starts over when the earlier bytes turn out to be wrong', async () => {
  {
    await using writer = await store.openWriter(`pull ${DESCRIPTOR.digest}`);
    await writer.write(randomBytes(1000));
  }
  await using registry = await ScriptedRegistry.start(serve);
  await pull(registry);
  await assertStored();
  assert.deepEqual(
    registry.asked.map(({ headers }) => headers.range),
    ['bytes=1000-', undefined],
  );
});

test('pullBlob() waits as long as Retry-After says', async () => {
  const limited = failWith(429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '1' });
  await using registry = await ScriptedRegistry.start(inTurn(limited, serve));
  const begin = performance.now();
  await pull(registry);
  await assertStored();
  assert.ok(performance.now() - begin >= 990);
});

test('pullBlob() does not wait an hour', async () => {
  await using registry = await ScriptedRegistry.start(
    failWith(429, 'TOOMANYREQUESTS', 'rate limit', { 'retry-after': '3600' }),
  );
  await assert.rejects(pull(registry), failsWith('resource_exhausted', /toomanyrequests: rate limit/));
  assert.equal(registry.asked.length, 1);
});

test('pullBlob() tries again after 500 and 503, not after 404', async () => {
  const broken = (status: number): Reply => failWith(status, 'UNKNOWN', 'oops');
  await using registry = await ScriptedRegistry.start(inTurn(broken(500), broken(503), serve));
  await pull(registry);
  await assertStored();
  await store.delete(DESCRIPTOR.digest);
  await using without = await ScriptedRegistry.start(failWith(404, 'BLOB_UNKNOWN', 'blob unknown to registry'));
  await assert.rejects(pull(without), failsWith('not_found', /fetch blob sha256:.* blob unknown: blob unknown/));
  assert.equal(without.asked.length, 1);
});

test('pullBlob() refuses wrong bytes and leaves nothing behind', async () => {
  await using registry = await ScriptedRegistry.start(chunked(randomBytes(BYTES.length)));
  await assert.rejects(pull(registry), failsWith('data_loss', /got digest "sha256:.*expected "sha256:/));
  await assertClean();
});

test('pullBlob() refuses a body longer than the descriptor says, announced or not', async () => {
  const longer = Buffer.concat([BYTES, Buffer.from('x')]);
  await using silent = await ScriptedRegistry.start(chunked(longer));
  await assert.rejects(pull(silent), failsWith('data_loss', /more than 400000 bytes/));
  await using open = await ScriptedRegistry.start(
    (response) => void response.writeHead(200, { 'content-length': longer.length }).end(longer),
  );
  await assert.rejects(pull(open), failsWith('data_loss', /announces 400001 bytes, expected 400000/));
  await assertClean();
});

test('pullBlob() gives up on a body that never ends', async () => {
  let sent = 0;
  await using registry = await ScriptedRegistry.start(async (response) => {
    response.writeHead(200);
    while (!response.destroyed && sent < 100 << 20) {
      sent += 65_536;
      if (!response.write(Buffer.alloc(65_536))) await sleep(1);
    }
  });
  await assert.rejects(pull(registry), failsWith('data_loss', /more than 400000 bytes/));
  assert.ok(sent < 50 << 20, `${sent} bytes were taken`);
  await assertClean();
});

test('pullBlob() gives up an attempt when no data comes, and goes on from there', async () => {
  const stall: Reply = (response) => {
    response.writeHead(200, { 'content-length': BYTES.length });
    response.write(BYTES.subarray(0, 50_000));
  };
  await using registry = await ScriptedRegistry.start(inTurn(stall, serve));
  await pull(registry);
  await assertStored();
  assert.equal(registry.asked[1]?.headers.range, 'bytes=50000-');
  await store.delete(DESCRIPTOR.digest);
  await using dead = await ScriptedRegistry.start(() => undefined);
  await assert.rejects(pull(dead), failsWith('deadline_exceeded', /no data for 0\.3 s/));
});

test('pullBlob() refuses a chunked body that ends too early', async () => {
  await using registry = await ScriptedRegistry.start(inTurn(chunked(BYTES.subarray(0, 1000)), serve));
  await pull(registry);
  await assertStored();
  assert.equal(registry.asked[1]?.headers.range, 'bytes=1000-');
});

test('pullBlob() ends at once when cancelled, also while waiting', async () => {
  await using registry = await ScriptedRegistry.start(failWith(503, 'UNAVAILABLE', 'x', { 'retry-after': '30' }));
  using client = clientWith();
  const signal = AbortSignal.timeout(50);
  await assert.rejects(
    client.pullBlob(at(registry), DESCRIPTOR, store, { signal }),
    failsWith('cancelled', /cancelled/),
  );
  await using silent = await ScriptedRegistry.start(dropAfter(0));
  const later = AbortSignal.timeout(10);
  const pulling = client.pullBlob(at(silent), DESCRIPTOR, store, { signal: later });
  await assert.rejects(pulling, failsWith('cancelled', /cancelled/));
});

test('a redirect to another host is followed without the credentials', async () => {
  await using elsewhere = await ScriptedRegistry.start(serve, { host: '127.0.0.2' });
  const target = `http://127.0.0.2:${elsewhere.host.split(':')[1]}/data?signature=1`;
  await using registry = await ScriptedRegistry.start(
    (response, { headers }) => {
      assert.equal(headers.authorization, `Basic ${btoa('ann:s3cret')}`);
      response.writeHead(307, { location: target }).end();
    },
    { ping: (response) => void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end() },
  );
  using client = clientWith();
  await client.pullBlob(at(registry), DESCRIPTOR, store, { auth: { username: 'ann', password: 's3cret' } });
  await assertStored();
  assert.equal(elsewhere.requests.length, 1);
  assert.equal(elsewhere.requests[0]?.headers.authorization, undefined);
  assert.equal(elsewhere.requests[0]?.url, '/data?signature=1');
});

test('redirects that never end, or lead to another protocol, are refused', async () => {
  await using loop = await ScriptedRegistry.start(
    (response) => void response.writeHead(302, { location: '/again' }).end(),
  );
  await assert.rejects(pull(loop), failsWith('unavailable', /more than 5 redirects/));
  assert.equal(loop.asked.length, 6);
  await using file = await ScriptedRegistry.start(
    (response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  );
  await assert.rejects(pull(file), failsWith('unavailable', /refers to "file:/));
});

test('two pulls of one blob at once fetch it once', async () => {
  await using registry = await ScriptedRegistry.start(serve);
  using client = clientWith();
  const has = async (): Promise<boolean> => (await store.info(DESCRIPTOR.digest)) !== undefined;
  await Promise.all([1, 2].map(() => client.pullBlob(at(registry), DESCRIPTOR, store, { has })));
  await assertStored();
  assert.equal(registry.asked.length, 1);
});

test('a mirror that fails or lies is passed over, and never sees the credentials', async () => {
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, config: DESCRIPTOR, layers: [] }));
  await using lying = await ScriptedRegistry.start(failWith(404, 'MANIFEST_UNKNOWN', 'manifest unknown'));
  await using good = await ScriptedRegistry.start(
    (response) => void response.writeHead(200, { 'content-type': MEDIA.ociManifest }).end(manifest),
  );
  using client = clientWith({ mirrors: [`http://${lying.host}`, `http://${good.host}`] });
  const auth = { username: 'ann', password: 's3cret' };
  const resolved = await client.resolve(parseReference('docker.io/library/app:1'), { auth });
  assert.equal(resolved.descriptor.digest, digestOf(manifest));
  for (const { headers } of [...lying.requests, ...good.requests]) assert.equal(headers.authorization, undefined);
});
