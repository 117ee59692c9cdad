import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { ScriptedRegistry, failWith, inTurn, type Reply } from '../../test/support/scripted-registry.ts';
import { MEDIA, digestOf, parseReference, type Reference } from '../oci/index.ts';
import { InsecureHosts } from './http/insecure-hosts.ts';
import { RegistryClient, choosePlatform } from './index.ts';
import { retryAfterMs } from './registry-error.ts';

const MANIFEST = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    config: { mediaType: MEDIA.ociConfig, digest: digestOf('{}'), size: 2 },
    layers: [],
  }),
);
const serve: Reply = (response) => void response.writeHead(200, { 'content-type': MEDIA.ociManifest }).end(MANIFEST);

function newClient(): RegistryClient {
  return new RegistryClient({ retry: { attempts: 3, baseDelayMs: 1 }, stallTimeoutMs: 300, proxyEnv: {} });
}

function at(registry: ScriptedRegistry, more: string): Reference {
  return parseReference(`${registry.host}/${more}`);
}

test('resolve() computes the digest itself and ignores the header', async () => {
  await using registry = await ScriptedRegistry.start(
    (response) =>
      void response
        .writeHead(200, { 'content-type': MEDIA.ociManifest, 'docker-content-digest': digestOf('something else') })
        .end(MANIFEST),
  );
  using client = newClient();
  const { descriptor, bytes } = await client.resolve(at(registry, 'app:1'));
  assert.deepEqual(descriptor, { mediaType: MEDIA.ociManifest, digest: digestOf(MANIFEST), size: MANIFEST.length });
  assert.deepEqual(bytes, MANIFEST);
  assert.match(registry.asked[0]?.headers.accept ?? '', /image\.index\.v1\+json.*manifest\.v2\+json/);
});

test('resolve() refuses bytes that have not the digest of the reference', async () => {
  await using registry = await ScriptedRegistry.start(serve);
  using client = newClient();
  const wrong = client.resolve(at(registry, `app@${digestOf('other')}`));
  await assert.rejects(wrong, { code: 'data_loss', message: /got digest "sha256:.*expected/ });
});

test('resolve() of a truncated manifest asks again and then fails', async () => {
  const truncated: Reply = (response) => {
    response.writeHead(200, { 'content-type': MEDIA.ociManifest, 'content-length': MANIFEST.length });
    response.write(MANIFEST.subarray(0, 20), () => response.destroy());
  };
  using client = newClient();
  await using once = await ScriptedRegistry.start(inTurn(truncated, serve));
  assert.deepEqual((await client.resolve(at(once, 'app:1'))).bytes, MANIFEST);
  await using always = await ScriptedRegistry.start(truncated);
  await assert.rejects(client.resolve(at(always, 'app:1')), { code: 'unavailable', message: /connection dropped/ });
  assert.equal(always.asked.length, 3);
  await using short = await ScriptedRegistry.start((response) => void response.end(MANIFEST.subarray(0, 20)));
  await assert.rejects(client.resolve(at(short, 'app:1')), { code: 'invalid_argument', message: /not JSON/ });
});

test('resolve() bounds what it reads', async () => {
  await using registry = await ScriptedRegistry.start((response) => void response.end(Buffer.alloc(5 << 20, ' ')));
  using client = newClient();
  await assert.rejects(client.resolve(at(registry, 'app:1')), { message: /more than 4194304 bytes/ });
  await using errors = await ScriptedRegistry.start((response) => {
    response.writeHead(400);
    response.write(Buffer.alloc(1 << 20, 'x\u001b[31m'));
  });
  await assert.rejects(client.resolve(at(errors, 'app:1')), (error: Error) => {
    assert.ok(error.message.length < 1000);
    assert.doesNotMatch(error.message, /\u001b/);
    return true;
  });
});

test('resolve() of a missing manifest says so in the words of docker pull', async () => {
  await using registry = await ScriptedRegistry.start(failWith(404, 'MANIFEST_UNKNOWN', 'manifest unknown'));
  using client = newClient();
  const message = `manifest for ${registry.host}/x:y not found: manifest unknown: manifest unknown`;
  await assert.rejects(client.resolve(at(registry, 'x:y')), { code: 'not_found', message });
  await using plain = await ScriptedRegistry.start((response) => void response.writeHead(404).end());
  await assert.rejects(client.resolve(at(plain, 'x:y')), { code: 'not_found', message: /not found: manifest unknown/ });
});

test("head() gives the registry's claim, and undefined for nothing", async () => {
  const headers = {
    'content-type': MEDIA.ociManifest,
    'docker-content-digest': digestOf(MANIFEST),
    'content-length': 7,
  };
  await using registry = await ScriptedRegistry.start((response) => void response.writeHead(200, headers).end());
  using client = newClient();
  const claim = { mediaType: MEDIA.ociManifest, digest: digestOf(MANIFEST), size: 7 };
  assert.deepEqual(await client.head(at(registry, 'app:1')), claim);
  await using none = await ScriptedRegistry.start((response) => void response.writeHead(404).end());
  assert.equal(await client.head(at(none, 'app:1')), undefined);
});

test('network failures name the host and what to do', async () => {
  using client = newClient();
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(client.resolve(parseReference(`127.0.0.1:${port}/app`)), {
    code: 'unavailable',
    message: `contact registry "127.0.0.1:${port}": connection refused`,
    hint: /check that a registry is running/,
  });
});

test('listTags() follows pages of the same host only', async () => {
  const page = (tags: string[], link?: string): Reply => {
    return (response) => void response.writeHead(200, link ? { link } : {}).end(JSON.stringify({ name: 'app', tags }));
  };
  await using registry = await ScriptedRegistry.start(
    inTurn(
      page(['a', 'b'], '</v2/app/tags/list?n=2&last=b>; rel="next"'),
      page(['c'], '<http://evil.invalid/x>; rel="next"'),
    ),
  );
  using client = newClient();
  assert.deepEqual(await client.listTags(at(registry, 'app')), ['a', 'b', 'c']);
  assert.equal(registry.asked[1]?.url, '/v2/app/tags/list?n=2&last=b');
  await using loop = await ScriptedRegistry.start(page(['a'], '</v2/app/tags/list?last=a>; rel="next"'));
  assert.deepEqual(await client.listTags(at(loop, 'app')), ['a', 'a']);
});

test('InsecureHosts allows loopback and what is listed', () => {
  const hosts = new InsecureHosts(['registry.local:5000', 'other.local', '10.1.0.0/16', 'fd00::/8']);
  for (const host of [
    '127.0.0.1',
    '127.9.9.9:80',
    'localhost:5000',
    '[::1]:5000',
    'registry.local:5000',
    'other.local:1',
    '10.1.2.3:5000',
    '[fd00::2]',
  ])
    assert.ok(hosts.allows(host), host);
  for (const host of ['registry.local', '10.2.0.1', 'docker.io', '127.0.0.1.example.org', '[fe80::1]:5000'])
    assert.ok(!hosts.allows(host), host);
  for (const entry of ['http://x', '10.0.0.0/33', 'x/8', '10.0.0.0/x'])
    assert.throws(() => new InsecureHosts([entry]), { code: 'invalid_argument' }, entry);
});

test('retryAfterMs() reads seconds and dates', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(retryAfterMs('7', now), 7000);
  assert.equal(retryAfterMs('Thu, 01 Jan 2026 00:01:00 GMT', now), 60_000);
  assert.equal(retryAfterMs('Wed, 31 Dec 2025 00:00:00 GMT', now), 0);
  assert.equal(retryAfterMs('soon', now), undefined);
});

test('choosePlatform() takes the entry that runs here and lists what there is', () => {
  const entry = (architecture: string, variant?: string, os = 'linux') => ({
    mediaType: MEDIA.ociManifest,
    digest: digestOf(`${os}${architecture}${variant}`),
    size: 1,
    platform: variant === undefined ? { os, architecture } : { os, architecture, variant },
  });
  const index = (...manifests: ReturnType<typeof entry>[]) =>
    ({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests }) as const;
  const [amd, armv6, armv7, attestation] = [
    entry('amd64'),
    entry('arm', 'v6'),
    entry('arm', 'v7'),
    entry('unknown', undefined, 'unknown'),
  ];
  const choose = choosePlatform;
  assert.equal(choose(index(attestation, armv6, amd), { os: 'linux', architecture: 'amd64' }), amd);
  assert.equal(choose(index(armv6, armv7), { os: 'linux', architecture: 'arm', variant: 'v7' }), armv7);
  assert.equal(choose(index(armv6), { os: 'linux', architecture: 'arm', variant: 'v7' }), armv6);
  assert.throws(() => choose(index(armv7), { os: 'linux', architecture: 'arm', variant: 'v6' }), { code: 'not_found' });
  assert.throws(() => choose(index(amd, armv7, attestation), { os: 'linux', architecture: 'arm64', variant: 'v8' }), {
    message:
      'no matching manifest for linux/arm64/v8 in the manifest list entries: available: linux/amd64, linux/arm/v7',
  });
});
