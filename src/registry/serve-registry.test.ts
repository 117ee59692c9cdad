import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MEDIA, digestOf, type Digest } from '../oci/index.ts';
import { hashPassword, serveRegistry, type RunningRegistry } from './index.ts';

let root: string;
let registry: RunningRegistry;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lading-registry-'));
  registry = await serveRegistry({ root });
});

afterEach(async () => {
  await registry.close();
  await rm(root, { recursive: true, force: true });
});

async function call(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(path.startsWith('http') ? path : `${registry.url}${path}`, { method, redirect: 'manual', ...init });
}

async function errorCode(response: Response): Promise<string | undefined> {
  const body = (await response.json()) as { errors: { code: string; message: string }[] };
  return body.errors[0]?.code;
}

/** fetch would tidy the path up before sending it. */
async function rawGet(path: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: registry.port, path }, async (response) => {
      let body = '';
      for await (const chunk of response) body += String(chunk);
      resolve({ status: response.statusCode, body });
    });
    request.on('error', reject).end();
  });
}

async function pushBlob(name: string, bytes: Uint8Array | string): Promise<Digest> {
  const digest = digestOf(bytes);
  const response = await call('POST', `/v2/${name}/blobs/uploads/?digest=${digest}`, { body: bytes as string });
  assert.equal(response.status, 201);
  return digest;
}

function manifestOf(config: Digest, layers: readonly Digest[], more: object = {}): string {
  const descriptor = (mediaType: string, digest: Digest): object => ({ mediaType, digest, size: 2 });
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: descriptor(MEDIA.ociConfig, config),
    layers: layers.map((digest) => descriptor(MEDIA.ociLayer, digest)),
    ...more,
  });
}

async function putManifest(name: string, reference: string, body: string): Promise<Response> {
  return call('PUT', `/v2/${name}/manifests/${reference}`, { body, headers: { 'content-type': MEDIA.ociManifest } });
}

test('a blob uploaded in chunks can be read whole and in ranges', async () => {
  const [bytes, name] = [randomBytes(300_000), 'a/b'];
  const digest = digestOf(bytes);
  const begun = await call('POST', `/v2/${name}/blobs/uploads/`);
  assert.equal(begun.status, 202);
  assert.equal(begun.headers.get('range'), '0-0');
  const location = `${registry.url}${begun.headers.get('location')}`;
  const patch = (part: Buffer, range: string): Promise<Response> =>
    call('PATCH', location, { body: new Uint8Array(part), headers: { 'content-range': range } });
  assert.equal((await patch(bytes.subarray(0, 100_000), '0-99999')).status, 202);

  const early = await patch(bytes.subarray(0, 10), '5-14');
  assert.equal(early.status, 416);
  assert.equal(early.headers.get('range'), '0-99999');
  assert.equal((await patch(bytes.subarray(0, 10), '100000-100020')).status, 400);

  const status = await call('GET', location);
  assert.equal(status.status, 204);
  assert.equal(status.headers.get('range'), '0-99999');
  assert.equal((await patch(bytes.subarray(100_000, 200_000), '100000-199999')).status, 202);
  const finished = await call('PUT', `${location}?digest=${digest}`, { body: new Uint8Array(bytes.subarray(200_000)) });
  assert.equal(finished.status, 201);
  assert.equal(finished.headers.get('docker-content-digest'), digest);

  const blob = `${registry.url}${finished.headers.get('location')}`;
  assert.deepEqual(Buffer.from(await (await call('GET', blob)).arrayBuffer()), bytes);
  const head = await call('HEAD', blob);
  assert.equal(head.headers.get('content-length'), '300000');
  for (const [range, from, to] of [
    ['bytes=0-9', 0, 10],
    ['bytes=299990-', 299_990, 300_000],
    ['bytes=-5', 299_995, 300_000],
  ] as const) {
    const part = await call('GET', blob, { headers: { range } });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get('content-range'), `bytes ${from}-${to - 1}/300000`);
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(from, to));
  }
  assert.equal((await call('GET', blob, { headers: { range: 'bytes=300000-' } })).status, 416);
  assert.equal((await call('GET', `/v2/other/blobs/${digest}`)).status, 404);
  assert.equal((await call('GET', location)).status, 404);
});

test('a blob with a wrong digest is refused and leaves nothing behind', async () => {
  const response = await call('POST', `/v2/a/blobs/uploads/?digest=${digestOf('other')}`, { body: 'bytes' });
  assert.equal(response.status, 400);
  assert.equal(await errorCode(response), 'DIGEST_INVALID');
  assert.deepEqual(await readdir(join(root, 'content', 'ingest')), []);
  assert.deepEqual(await readdir(join(root, 'content', 'blobs', 'sha256')), []);
  assert.equal((await call('POST', '/v2/a/blobs/uploads/?digest=sha256:../../x', { body: 'b' })).status, 400);
});

test('what a dropped connection delivered is kept and can be continued', async () => {
  const bytes = randomBytes(200_000);
  const begun = await call('POST', '/v2/a/blobs/uploads/');
  const location = `${registry.url}${begun.headers.get('location')}`;
  const request = httpRequest(location, { method: 'PATCH', headers: { 'content-length': bytes.length } });
  request.on('error', () => undefined);
  request.write(bytes.subarray(0, 150_000), () => setTimeout(() => request.destroy(), 50));
  await sleep(150);
  const status = await call('GET', location);
  assert.equal(status.headers.get('range'), '0-149999');
  const rest = new Uint8Array(bytes.subarray(150_000));
  const put = await call('PUT', `${location}?digest=${digestOf(bytes)}`, {
    body: rest,
    headers: { 'content-range': '150000-199999' },
  });
  assert.equal(put.status, 201);
});

test('DELETE of an upload forgets it, and an upload belongs to its repository', async () => {
  const begun = await call('POST', '/v2/a/blobs/uploads/');
  const location = begun.headers.get('location') ?? '';
  assert.equal((await call('GET', location.replace('/v2/a/', '/v2/b/'))).status, 404);
  assert.equal((await call('DELETE', location)).status, 204);
  const gone = await call('PATCH', location, { body: 'x' });
  assert.equal(await errorCode(gone), 'BLOB_UPLOAD_UNKNOWN');
});

test('a mount brings a blob from a repository that has it and begins an upload otherwise', async () => {
  const digest = await pushBlob('from', 'shared');
  const mounted = await call('POST', `/v2/to/blobs/uploads/?mount=${digest}&from=from`);
  assert.equal(mounted.status, 201);
  assert.equal(await (await call('GET', `/v2/to/blobs/${digest}`)).text(), 'shared');
  const missing = await call('POST', `/v2/to/blobs/uploads/?mount=${digestOf('none')}&from=from`);
  assert.equal(missing.status, 202);
  assert.equal((await call('POST', `/v2/to/blobs/uploads/?mount=${digest}&from=../from`)).status, 400);
});

test('a manifest needs its blobs, is served by tag and digest in its own bytes, and can be deleted', async () => {
  const config = await pushBlob('app', '{}');
  const body = manifestOf(config, [digestOf('absent')]);
  const refused = await putManifest('app', 'v1', body);
  assert.equal(refused.status, 404);
  assert.equal(await errorCode(refused), 'MANIFEST_BLOB_UNKNOWN');
  await pushBlob('app', 'absent');
  const put = await putManifest('app', 'v1', body);
  assert.equal(put.status, 201);
  const digest = digestOf(body);
  assert.equal(put.headers.get('docker-content-digest'), digest);
  for (const reference of ['v1', digest]) {
    const got = await call('GET', `/v2/app/manifests/${reference}`);
    assert.equal(got.headers.get('content-type'), MEDIA.ociManifest);
    assert.equal(await got.text(), body);
    const head = await call('HEAD', `/v2/app/manifests/${reference}`);
    assert.equal(head.headers.get('content-length'), String(body.length));
  }
  assert.equal((await putManifest('app', digestOf('wrong'), body)).status, 400);
  assert.equal(await errorCode(await putManifest('app', 'v2', '{"schemaVersion":2')), 'MANIFEST_INVALID');
  assert.equal((await putManifest('app', 'v2', body)).status, 201);
  assert.equal((await call('DELETE', '/v2/app/manifests/v2')).status, 202);
  assert.equal(await errorCode(await call('GET', '/v2/app/manifests/v2')), 'MANIFEST_UNKNOWN');
  assert.equal((await call('DELETE', `/v2/app/manifests/${digest}`)).status, 202);
  assert.equal((await call('GET', '/v2/app/manifests/v1')).status, 404);
  assert.equal((await call('DELETE', `/v2/app/manifests/${digest}`)).status, 404);
});

test('a manifest larger than 4 MiB is refused with an answer', async () => {
  const response = await putManifest('app', 'v1', ' '.repeat(5 << 20));
  assert.equal(response.status, 413);
  assert.equal(await errorCode(response), 'MANIFEST_INVALID');
});

test('tags and the catalog are listed in order and page by page', async () => {
  const config = await pushBlob('z/app', '{}');
  for (const tag of ['c', 'a', 'B']) await putManifest('z/app', tag, manifestOf(config, []));
  const first = await call('GET', '/v2/z/app/tags/list?n=2');
  assert.deepEqual(await first.json(), { name: 'z/app', tags: ['B', 'a'] });
  assert.equal(first.headers.get('link'), '</v2/z/app/tags/list?n=2&last=a>; rel="next"');
  const second = await call('GET', '/v2/z/app/tags/list?n=2&last=a');
  assert.deepEqual(await second.json(), { name: 'z/app', tags: ['c'] });
  assert.equal(second.headers.get('link'), null);
  assert.deepEqual(await (await call('GET', '/v2/z/app/tags/list?n=0')).json(), { name: 'z/app', tags: [] });
  assert.equal(await errorCode(await call('GET', '/v2/none/tags/list')), 'NAME_UNKNOWN');
  assert.deepEqual(await (await call('GET', '/v2/_catalog')).json(), { repositories: ['z/app'] });
});

test('referrers of a manifest are listed, filtered, and gone when deleted', async () => {
  const config = await pushBlob('app', '{}');
  const subject = manifestOf(config, []);
  const about = { subject: { mediaType: MEDIA.ociManifest, digest: digestOf(subject), size: subject.length } };
  const sbom = manifestOf(config, [], { ...about, artifactType: 'text/sbom', annotations: { a: 'b' } });
  const signature = manifestOf(config, [], about);
  const put = await putManifest('app', digestOf(sbom), sbom);
  assert.equal(put.headers.get('oci-subject'), digestOf(subject));
  await putManifest('app', digestOf(signature), signature);
  const list = async (query = ''): Promise<{ response: Response; manifests: Record<string, unknown>[] }> => {
    const response = await call('GET', `/v2/app/referrers/${digestOf(subject)}${query}`);
    return { response, manifests: ((await response.json()) as { manifests: Record<string, unknown>[] }).manifests };
  };
  const all = await list();
  assert.equal(all.response.headers.get('content-type'), MEDIA.ociIndex);
  assert.deepEqual(all.manifests.map(({ artifactType }) => artifactType).sort(), [MEDIA.ociConfig, 'text/sbom']);
  const some = await list('?artifactType=text/sbom');
  assert.equal(some.response.headers.get('oci-filters-applied'), 'artifactType');
  const expected = { mediaType: MEDIA.ociManifest, digest: digestOf(sbom), size: sbom.length };
  assert.deepEqual(some.manifests, [{ ...expected, artifactType: 'text/sbom', annotations: { a: 'b' } }]);
  await call('DELETE', `/v2/app/manifests/${digestOf(sbom)}`);
  assert.equal((await list('?artifactType=text/sbom')).manifests.length, 0);
});

test('names and references that could leave the folder are refused', async () => {
  for (const path of [
    '/v2/../../etc/tags/list',
    '/v2/%2e%2e/%2e%2e/etc/blobs/sha256:x',
    '/v2/a/..%2f..%2fb/tags/list',
    '/v2/_blobs/tags/list',
    '/v2/A/tags/list',
    `/v2/${'a/'.repeat(200)}b/tags/list`,
    '/v2/a%00/tags/list',
    '/v2/%ff/tags/list',
  ]) {
    const { status, body } = await rawGet(path);
    assert.equal(status, 400, path);
    assert.match(body, /"NAME_INVALID"/, path);
  }
  assert.equal((await rawGet('/v2/a/manifests/..')).status, 400);
  assert.equal((await rawGet('/v2/a/manifests/..%2f..%2fx')).status, 404);
  assert.equal((await call('POST', '/v2/a/manifests/x')).status, 405);
  assert.equal((await call('GET', '/other')).status, 404);
});

test('a restarted registry has what was acknowledged, drops unfinished uploads and frees deleted blobs', async () => {
  const config = await pushBlob('app', '{}');
  const unused = await pushBlob('app', 'unused');
  await putManifest('app', 'v1', manifestOf(config, []));
  const begun = await call('POST', '/v2/app/blobs/uploads/');
  await call('PATCH', begun.headers.get('location') ?? '', { body: 'half' });
  await call('DELETE', `/v2/app/blobs/${unused}`);
  await registry.close();
  registry = await serveRegistry({ root });
  assert.equal((await call('GET', '/v2/app/manifests/v1')).status, 200);
  assert.deepEqual(await readdir(join(root, 'content', 'ingest')), []);
  assert.equal((await readdir(join(root, 'content', 'blobs', 'sha256'))).length, 2);
});

test('only those who know a password are served', async () => {
  await registry.close();
  registry = await serveRegistry({ root, auth: { users: { ann: await hashPassword('s3cret'), bob: 'plain:word' } } });
  const as = (user: string): RequestInit => ({ headers: { authorization: `Basic ${btoa(user)}` } });
  const refused = await call('GET', '/v2/');
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get('www-authenticate') ?? '', /^Basic realm=/);
  for (const user of ['ann:wrong', 'bob:', 'nobody:', 'nobody:s3cret', 'ann', ':'])
    assert.equal((await call('GET', '/v2/', as(user))).status, 401, user);
  for (const user of ['ann:s3cret', 'ann:s3cret', 'bob:plain:word'])
    assert.equal((await call('GET', '/v2/', as(user))).status, 200, user);
});

test('a taken port is a conflict', async () => {
  await assert.rejects(serveRegistry({ root: join(root, 'second'), port: registry.port }), { code: 'conflict' });
});
