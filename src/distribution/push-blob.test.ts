import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ScriptedRegistry, failWith, inTurn, type Reply } from '../../test/support/scripted-registry.ts';
import { MEDIA, digestOf, parseReference, type Descriptor, type Reference } from '../oci/index.ts';
import { RegistryClient, pushImage } from './index.ts';

const LARGE = randomBytes(2 << 20);
const SMALL = Buffer.from('{}');

function describe(bytes: Buffer): Descriptor {
  return { mediaType: MEDIA.ociLayer, digest: digestOf(bytes), size: bytes.length };
}

function opener(bytes: Buffer): (start: number) => Promise<Readable> {
  return async (start) => Readable.from(chunksOf(bytes.subarray(start)), { objectMode: false });
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

function newClient(): RegistryClient {
  return new RegistryClient({ retry: { attempts: 3, baseDelayMs: 1 }, stallTimeoutMs: 500, proxyEnv: {} });
}

function at(registry: ScriptedRegistry, more = 'app:1'): Reference {
  return parseReference(`${registry.host}/${more}`);
}

/** A registry that does not have the blob yet; single steps can be replaced by method. */
function absent(steps: Readonly<Partial<Record<string, Reply>>> = {}): Reply {
  const usual: Readonly<Record<string, Reply>> = {
    HEAD: (response) => void response.writeHead(404).end(),
    POST: (response) => accepted(response, '/v2/app/blobs/uploads/1?state=a'),
    PATCH: (response) => accepted(response, '/v2/app/blobs/uploads/1?state=b'),
    PUT: (response) => void response.writeHead(201).end(),
  };
  return (response, received, request) =>
    (steps[received.method] ?? usual[received.method])?.(response, received, request);
}

function accepted(response: ServerResponse, location: string): void {
  response.writeHead(202, { location }).end();
}

function stepsOf(registry: ScriptedRegistry): string[] {
  return registry.asked.map(({ method, url }) => `${method} ${url.replace(/sha256(:|%3A).*/, 'DIGEST')}`);
}

test('pushBlob() sends a small blob in one request and a large one as a stream', async () => {
  await using registry = await ScriptedRegistry.start(absent());
  using client = newClient();
  assert.deepEqual(await client.pushBlob(at(registry), describe(SMALL), opener(SMALL)), { kind: 'pushed' });
  assert.deepEqual(stepsOf(registry), [
    'HEAD /v2/app/blobs/DIGEST',
    'POST /v2/app/blobs/uploads/',
    'PUT /v2/app/blobs/uploads/1?state=a&digest=DIGEST',
  ]);
  assert.deepEqual(registry.asked.at(-1)?.body, SMALL);
  registry.requests.length = 0;
  const progress: number[] = [];
  await client.pushBlob(at(registry), describe(LARGE), opener(LARGE), { onProgress: (bytes) => progress.push(bytes) });
  assert.deepEqual(stepsOf(registry).slice(2), [
    'PATCH /v2/app/blobs/uploads/1?state=a',
    'PUT /v2/app/blobs/uploads/1?state=b&digest=DIGEST',
  ]);
  assert.deepEqual(registry.asked[2]?.body, LARGE);
  assert.equal(registry.asked[2]?.headers['content-length'], String(LARGE.length));
  assert.equal(progress.at(-1), LARGE.length);
});

test('pushBlob() sends nothing that is there or can be mounted', async () => {
  using client = newClient();
  const open = (): never => assert.fail('the blob was opened');
  await using has = await ScriptedRegistry.start((response) => void response.writeHead(200).end());
  assert.deepEqual(await client.pushBlob(at(has), describe(SMALL), open), { kind: 'exists' });
  await using mounts = await ScriptedRegistry.start(absent({ POST: (response) => void response.writeHead(201).end() }));
  const options = { mountFrom: ['library/base'] };
  const result = await client.pushBlob(at(mounts), describe(SMALL), open, options);
  assert.deepEqual(result, { kind: 'mounted', from: 'library/base' });
  const query = new URL(mounts.asked[1]?.url ?? '', 'http://x').searchParams;
  assert.deepEqual(Object.fromEntries(query), { mount: digestOf(SMALL), from: 'library/base' });
});

test('pushBlob() continues an upload where the registry says it stands', async () => {
  const kept = 700_000;
  let patches = 0;
  await using registry = await ScriptedRegistry.start(
    absent({
      PATCH: (response) => void (++patches === 1 ? response.destroy() : accepted(response, '/v2/app/blobs/uploads/1')),
      GET: (response) =>
        void response.writeHead(204, { range: `0-${kept - 1}`, location: '/v2/app/blobs/uploads/1' }).end(),
    }),
  );
  using client = newClient();
  await client.pushBlob(at(registry), describe(LARGE), opener(LARGE));
  const [, second] = registry.asked.filter(({ method }) => method === 'PATCH');
  assert.equal(second?.headers['content-range'], `${kept}-${LARGE.length - 1}`);
  assert.deepEqual(second?.body, LARGE.subarray(kept));
});

test('pushBlob() begins anew when the registry has forgotten the upload', async () => {
  await using registry = await ScriptedRegistry.start(
    absent({
      PATCH: inTurn(failWith(503, 'UNAVAILABLE', 'restarting'), (response) =>
        accepted(response, '/v2/app/blobs/uploads/2'),
      ),
      GET: failWith(404, 'BLOB_UPLOAD_UNKNOWN', 'unknown'),
    }),
  );
  using client = newClient();
  await client.pushBlob(at(registry), describe(LARGE), opener(LARGE));
  assert.equal(registry.asked.filter(({ method }) => method === 'POST').length, 2);
  assert.deepEqual(registry.asked.findLast(({ method }) => method === 'PATCH')?.body, LARGE);
});

test('pushBlob() follows an upload to another host without the credentials', async () => {
  await using storage = await ScriptedRegistry.start((response) => void response.writeHead(201).end());
  await using registry = await ScriptedRegistry.start(
    absent({ POST: (response) => accepted(response, `http://${storage.host}/upload`) }),
    { ping: (response) => void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end() },
  );
  using client = newClient();
  await client.pushBlob(at(registry), describe(SMALL), opener(SMALL), { auth: { username: 'ann', password: 'pw' } });
  assert.equal(registry.asked[0]?.headers.authorization, `Basic ${btoa('ann:pw')}`);
  assert.equal(storage.requests[0]?.headers.authorization, undefined);
});

test('pushBlob() reports a refusal at once and refuses a source of another length', async () => {
  using client = newClient();
  await using registry = await ScriptedRegistry.start(absent({ POST: failWith(403, 'DENIED', 'no push for you') }));
  const denied = client.pushBlob(at(registry), describe(SMALL), opener(SMALL));
  await assert.rejects(denied, { code: 'permission_denied', message: /push blob sha256:.*: denied: no push for you/ });
  assert.equal(registry.asked.length, 2);
  await using willing = await ScriptedRegistry.start(absent());
  for (const bytes of [Buffer.from('{'), Buffer.from('{}}')]) {
    const push = client.pushBlob(at(willing), describe(SMALL), opener(bytes));
    await assert.rejects(push, { code: 'data_loss', message: /other than 2 bytes/ });
  }
});

test('pushBlob() stops sending when the registry answers early', async () => {
  await using registry = await ScriptedRegistry.start(absent({ PATCH: failWith(413, 'SIZE_INVALID', 'too large') }));
  using client = newClient();
  const push = client.pushBlob(at(registry), describe(LARGE), opener(LARGE));
  await assert.rejects(push, { code: 'invalid_argument', message: /size invalid: too large/ });
});

test('pushImage() pushes the manifest last, each blob once, and none when one fails', async () => {
  const manifestBytes = Buffer.from('{"schemaVersion":2}');
  const blob = { descriptor: describe(SMALL), open: opener(SMALL) };
  const image = { manifestBytes, mediaType: MEDIA.ociManifest, blobs: [blob, blob] };
  using client = newClient();
  await using registry = await ScriptedRegistry.start(absent());
  const statuses: string[] = [];
  const pushed = await pushImage(client, at(registry), { ...image, onProgress: ({ status }) => statuses.push(status) });
  assert.deepEqual(pushed, { digest: digestOf(manifestBytes), size: manifestBytes.length });
  assert.equal(registry.asked.filter(({ method }) => method === 'POST').length, 1);
  assert.equal(stepsOf(registry).at(-1), 'PUT /v2/app/manifests/1');
  assert.equal(registry.asked.at(-1)?.headers['content-type'], MEDIA.ociManifest);
  assert.deepEqual(statuses, ['Preparing', 'Pushing', 'Pushed']);
  await using refusing = await ScriptedRegistry.start(absent({ POST: failWith(403, 'DENIED', 'no') }));
  await assert.rejects(pushImage(client, at(refusing), image), { code: 'permission_denied' });
  assert.ok(refusing.asked.every(({ url }) => !url.includes('/manifests/')));
});

test('pushManifest() refuses a registry that stored something else', async () => {
  const headers = { 'docker-content-digest': digestOf('other') };
  await using registry = await ScriptedRegistry.start((response) => void response.writeHead(201, headers).end());
  using client = newClient();
  await assert.rejects(client.pushManifest(at(registry), SMALL, MEDIA.ociManifest), { code: 'data_loss' });
});
