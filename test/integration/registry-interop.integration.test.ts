import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { LocalContentStore } from '../../src/content/index.ts';
import { RegistryClient, pullImage, pushImage, type PulledImage } from '../../src/distribution/index.ts';
import { MEDIA, digestOf, parseReference, type Descriptor, type Digest, type Reference } from '../../src/oci/index.ts';
import { serveRegistry } from '../../src/registry/index.ts';
import { debianRegistrySkipReason, startDebianRegistry, type StartedRegistry } from '../support/debian-registry.ts';

const AUTH = { username: 'ann', password: 's3cret' };

/** An image of two different layers, one of them used twice; contents are noise, since nothing unpacks them here. */
async function makeImage(store: LocalContentStore): Promise<{ manifest: Buffer; blobs: Descriptor[] }> {
  const describe = async (mediaType: string, bytes: Buffer): Promise<Descriptor> => ({
    mediaType,
    digest: (await store.put(bytes)).digest,
    size: bytes.length,
  });
  const large = await describe(MEDIA.ociLayerGzip, randomBytes(3 << 20));
  const small = await describe(MEDIA.ociLayerGzip, randomBytes(5000));
  const layers = [large, small, large];
  const config = await describe(
    MEDIA.ociConfig,
    Buffer.from(
      JSON.stringify({
        os: 'linux',
        architecture: 'amd64',
        config: { Cmd: ['true'] },
        rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
      }),
    ),
  );
  const manifest = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config, layers };
  return { manifest: Buffer.from(JSON.stringify(manifest)), blobs: [config, ...layers] };
}

function suite(name: string, start: () => Promise<StartedRegistry>, skip: string | false): void {
  describe(`the registry client with ${name}`, { skip }, () => {
    let folder: string;
    let registry: StartedRegistry;
    let client: RegistryClient;
    let store: LocalContentStore;
    let image: Awaited<ReturnType<typeof makeImage>>;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'lading-interop-'));
      registry = await start();
      client = new RegistryClient({ proxyEnv: {}, retry: { attempts: 2, baseDelayMs: 10 } });
      store = await LocalContentStore.open(join(folder, 'store'), { durable: false });
      image = await makeImage(store);
    });

    after(async () => {
      client?.[Symbol.dispose]();
      await registry?.[Symbol.asyncDispose]();
      if (folder) await rm(folder, { recursive: true, force: true });
    });

    const at = (text: string): Reference => parseReference(`${registry.host}/${text}`);

    async function push(reference: Reference, mountFrom: string[] = []): Promise<string[]> {
      const statuses = new Set<string>();
      const blobs = image.blobs.map((descriptor) => ({
        descriptor,
        mountFrom,
        open: (start: number) => store.open(descriptor.digest, { start }),
      }));
      const onProgress = ({ status }: { status: string }): void => void statuses.add(status);
      const what = { manifestBytes: image.manifest, mediaType: MEDIA.ociManifest, blobs, onProgress, auth: AUTH };
      const { digest } = await pushImage(client, reference, what);
      assert.equal(digest, digestOf(image.manifest));
      return [...statuses];
    }

    async function pull(
      reference: Reference,
      into: string,
    ): Promise<{ pulled: PulledImage; statuses: string[]; ready: number[] }> {
      const target = await LocalContentStore.open(join(folder, into), { durable: false });
      const [statuses, ready] = [new Set<string>(), [] as number[]];
      const pulled = await pullImage(client, reference, {
        store: target,
        auth: AUTH,
        platform: { os: 'linux', architecture: 'amd64' },
        has: async (digest: Digest) => (await target.info(digest)) !== undefined,
        onProgress: ({ status }) => statuses.add(status),
        onLayerReady: (_layer, index) => ready.push(index),
      });
      for (const { digest } of image.blobs) assert.ok(await target.info(digest), digest);
      return { pulled, statuses: [...statuses], ready: ready.sort() };
    }

    test('an image goes out and comes back byte for byte', async () => {
      assert.deepEqual(await push(at('app:1')), ['Preparing', 'Pushing', 'Pushed']);
      assert.deepEqual(await push(at('app:2')), ['Preparing', 'Layer already exists']);
      const { pulled, statuses, ready } = await pull(at('app:1'), 'pulled');
      assert.deepEqual(pulled.manifestBytes, image.manifest);
      assert.equal(pulled.target.digest, digestOf(image.manifest));
      assert.deepEqual(ready, [0, 1, 2]);
      assert.deepEqual(statuses, ['Pulling fs layer', 'Downloading', 'Verifying Checksum', 'Download complete']);
      assert.deepEqual((await pull(at(`app@${pulled.target.digest}`), 'pulled')).statuses, ['Already exists']);
    });

    test('blobs are mounted from another repository', async () => {
      await push(at('app:1'));
      assert.deepEqual(await push(at('team/copy:1'), ['app']), ['Preparing', 'Mounted from app']);
      await pull(at('team/copy:1'), 'mounted');
    });

    test('an index resolves to the manifest of the platform', async () => {
      await push(at('multi:amd64'));
      const entry = {
        mediaType: MEDIA.ociManifest,
        digest: digestOf(image.manifest),
        size: image.manifest.length,
        platform: { os: 'linux', architecture: 'amd64' },
      };
      const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [entry] }));
      await client.pushManifest(at('multi:latest'), index, MEDIA.ociIndex, { auth: AUTH });
      const { pulled } = await pull(at('multi:latest'), 'multi');
      assert.equal(pulled.target.digest, digestOf(index));
      assert.equal(pulled.manifest.digest, entry.digest);
      const other = pullImage(client, at('multi:latest'), {
        store,
        auth: AUTH,
        platform: { os: 'linux', architecture: 's390x' },
      });
      await assert.rejects(other, { code: 'not_found', message: /linux\/s390x.*available: linux\/amd64/ });
    });

    test('blobs open at an offset; tags are listed, heads asked, manifests deleted', async () => {
      await push(at('listed:b'));
      await push(at('listed:a'));
      const [, blob] = image.blobs as [Descriptor, Descriptor];
      const part: Buffer[] = [];
      for await (const chunk of await client.openBlob(at('listed'), blob, { offset: blob.size - 10, auth: AUTH }))
        part.push(chunk as Buffer);
      assert.deepEqual(Buffer.concat(part), (await store.read(blob.digest)).subarray(-10));
      // Debian's version does not sort them.
      assert.deepEqual((await client.listTags(at('listed'), { auth: AUTH })).sort(), ['a', 'b']);
      assert.equal((await client.head(at('listed:a'), { auth: AUTH }))?.digest, digestOf(image.manifest));
      assert.equal(await client.hasBlob(at('listed'), { ...blob, digest: digestOf('none') }, { auth: AUTH }), false);
      await client.deleteManifest(at(`listed@${digestOf(image.manifest)}`), { auth: AUTH });
      await assert.rejects(client.resolve(at('listed:a'), { auth: AUTH }), {
        code: 'not_found',
        message: /manifest unknown/,
      });
    });

    test('credentials are checked', async () => {
      assert.equal((await client.login(registry.host, AUTH)).status, 'Login Succeeded');
      await assert.rejects(client.login(registry.host, { ...AUTH, password: 'wrong' }), { code: 'unauthenticated' });
      await assert.rejects(client.resolve(at('app:1')), {
        code: 'unauthenticated',
        message:
          /pull access denied for .*\/app, repository does not exist or may require 'docker login': unauthorized/,
      });
    });

    test('skopeo copies between repositories of it', { skip: skopeoSkipReason() }, async () => {
      await push(at('app:1'));
      const [from, to] = ['app:1', 'skopeo:1'].map((text) => `docker://${registry.host}/${text}`);
      const flags = [
        '--preserve-digests',
        '--src-tls-verify=false',
        '--dest-tls-verify=false',
        '--src-creds=ann:s3cret',
        '--dest-creds=ann:s3cret',
      ];
      // Not spawnSync: lading's registry answers from this very process.
      await promisify(execFile)('skopeo', ['copy', ...flags, from ?? '', to ?? ''], { timeout: 30_000 });
      assert.equal((await client.resolve(at('skopeo:1'), { auth: AUTH })).descriptor.digest, digestOf(image.manifest));
    });
  });
}

function skopeoSkipReason(): string | false {
  return spawnSync('skopeo', ['--version']).error ? 'skopeo is not installed' : false;
}

async function startOwn(): Promise<StartedRegistry> {
  const root = await mkdtemp(join(tmpdir(), 'lading-own-registry-'));
  const server = await serveRegistry({ root, auth: { users: { [AUTH.username]: AUTH.password } } });
  return {
    host: `127.0.0.1:${server.port}`,
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

suite("lading's own registry", startOwn, false);
suite("Debian's docker-registry", () => startDebianRegistry({ auth: true }), debianRegistrySkipReason() ?? false);
