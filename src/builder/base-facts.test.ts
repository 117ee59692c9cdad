import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { RegistryClient } from '../distribution/index.ts';
import { LadingError } from '../errors/index.ts';
import type { ImageStore } from '../image/index.ts';
import { findBaseFacts, type BaseSources } from './base-facts.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

/** A registry that has one index for two platforms, under any name. */
function fakeRegistry() {
  const blobs = new Map<string, Buffer>();
  const store = (document: object, mediaType: string) => {
    const bytes = Buffer.from(JSON.stringify(document));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const manifests = ['amd64', 'arm64'].map((architecture) => {
    const rootfs = { type: 'layers', diff_ids: [] };
    const own = { Env: ['PATH=/bin', `ARCH=${architecture}`], OnBuild: ['RUN x'], Shell: ['sh'] };
    const config = store({ os: 'linux', architecture, config: own, rootfs, history: [] }, CONFIG);
    const manifest = store({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [] }, MANIFEST);
    return { ...manifest, platform: { os: 'linux', architecture } };
  });
  const top = store({ schemaVersion: 2, mediaType: INDEX, manifests }, INDEX);
  const get = (digest: string, mediaType: string) => ({ descriptor: top, bytes: blobs.get(digest)!, mediaType });
  return {
    resolve: async ({ path }: { path: string }) => {
      if (path === 'library/gone') throw new LadingError('not_found', 'gone');
      return get(top.digest, INDEX);
    },
    fetchManifest: async (_name: unknown, digest: string) => get(digest, MANIFEST),
    fetchBlob: async (_name: unknown, { digest }: { digest: string }) => blobs.get(digest)!,
  } as unknown as RegistryClient;
}

function sources(signal = new AbortController().signal): BaseSources {
  const images = { find: () => undefined } as unknown as ImageStore;
  return { images, registries: fakeRegistry(), credentials: {}, signal };
}

test('findBaseFacts() reads an image’s configuration at its registry, for the platform', async () => {
  const facts = await findBaseFacts('some/image:1', { os: 'linux', architecture: 'arm64' }, sources());
  assert.deepEqual(facts, {
    env: new Map([
      ['PATH', '/bin'],
      ['ARCH', 'arm64'],
    ]),
    shell: true,
    onbuild: ['RUN x'],
    platform: { os: 'linux', architecture: 'arm64' },
  });
});

test('findBaseFacts() knows nothing of an image that nobody has, or not for the platform', async () => {
  assert.equal(await findBaseFacts('gone', { os: 'linux', architecture: 'amd64' }, sources()), undefined);
  assert.equal(await findBaseFacts('x', { os: 'linux', architecture: 's390x' }, sources()), undefined);
});

test('findBaseFacts() refuses a name that is none, and ends when it is cancelled', async () => {
  await assert.rejects(findBaseFacts('Upper:', { os: 'linux', architecture: 'amd64' }, sources()), {
    code: 'invalid_argument',
  });
  const abort = new AbortController();
  abort.abort(new Error('enough'));
  await assert.rejects(findBaseFacts('gone', { os: 'linux', architecture: 'amd64' }, sources(abort.signal)), /enough/);
});
