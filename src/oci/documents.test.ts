import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chainIdsOf,
  parseDiffID,
  parseImageConfig,
  parseManifestDocument,
  parsePlatform,
  platformMatches,
  type DiffID,
} from './index.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const descriptor = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: DIGEST, size: 2 };

test('chainIdsOf() follows the image specification', () => {
  // ChainID(a, b) = Digest(ChainID(a) + ' ' + DiffID(b)); the value was computed with sha256sum.
  const [a, b] = ['1', '2'].map((digit) => parseDiffID(`sha256:${digit.repeat(64)}`)) as [DiffID, DiffID];
  const chain = chainIdsOf([a, b]);
  assert.equal(chain[0], a);
  assert.equal(chain[1], 'sha256:9932074217c35353d2e03a3f5a86549f7c67bfeb0ba53e23d69f4d4c8f7958f5');
  assert.notEqual(chain[1], chainIdsOf([b, a])[1]);
});

test('parseManifestDocument() refuses what two readers could take for different images', () => {
  assert.throws(
    () => parseManifestDocument(bytes({ schemaVersion: 2, manifests: [], layers: [] })),
    /both an index and a manifest/,
  );
  assert.throws(() => parseManifestDocument(bytes({ schemaVersion: 1 })), /only 2 is supported/);
  assert.throws(
    () => parseManifestDocument(bytes({ schemaVersion: 2, config: { ...descriptor, size: -1 }, layers: [] })),
    /config.size is -1/,
  );
  assert.throws(
    () => parseManifestDocument(bytes({ schemaVersion: 2, config: { ...descriptor, digest: 'x' }, layers: [] })),
    /invalid config.digest/,
  );
  assert.throws(() => parseManifestDocument(Buffer.from('{')), /not JSON/);
});

test('parseManifestDocument() reads a manifest without mediaType by its content type', () => {
  const document = parseManifestDocument(
    bytes({ schemaVersion: 2, config: descriptor, layers: [descriptor] }),
    'application/vnd.docker.distribution.manifest.v2+json',
  );
  assert.ok(document.kind === 'manifest' && document.manifest.layers.length === 1);
});

test('parseImageConfig() names the field that is wrong and keeps unknown ones', () => {
  const good = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [DIGEST] }, extra: 1 };
  assert.equal((parseImageConfig(good) as unknown as { extra: number }).extra, 1);
  assert.throws(() => parseImageConfig({ ...good, config: { Env: 'A=1' } }), /config.Env/);
  assert.throws(() => parseImageConfig({ ...good, rootfs: { diff_ids: ['sha256:x'] } }), /invalid diffID/);
});

test("platforms match by Docker's aliases", () => {
  assert.ok(platformMatches(parsePlatform('linux/x86_64'), { os: 'linux', architecture: 'amd64' }));
  assert.ok(platformMatches(parsePlatform('linux/arm64'), { os: 'linux', architecture: 'arm64', variant: 'v8' }));
  assert.ok(!platformMatches(parsePlatform('linux/arm/v6'), { os: 'linux', architecture: 'arm', variant: 'v7' }));
  assert.throws(() => parsePlatform('linux/amd64/v1/x'), /invalid platform/);
});
