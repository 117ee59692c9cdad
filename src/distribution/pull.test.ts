import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { ScriptedRegistry, failWith, type Reply } from '../../test/support/scripted-registry.ts';
import { LocalContentStore } from '../content/index.ts';
import { MEDIA, digestOf, parseReference, type Descriptor, type Platform } from '../oci/index.ts';
import { RegistryClient, pullImage, type PulledImage } from './index.ts';

const AMD64: Platform = { os: 'linux', architecture: 'amd64' };

let root: string;
let store: LocalContentStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lading-pull-'));
  store = await LocalContentStore.open(root, { durable: false });
});

afterEach(async () => rm(root, { recursive: true, force: true }));

function descriptorOf(mediaType: string, bytes: string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: Buffer.byteLength(bytes) };
}

function configFor(layers: number, architecture = 'amd64'): string {
  const diffIds = Array.from({ length: layers }, (_, i) => digestOf(`layer ${i}`));
  return JSON.stringify({ os: 'linux', architecture, rootfs: { type: 'layers', diff_ids: diffIds } });
}

function manifestOf(config: Descriptor, layers: readonly Descriptor[], more: object = {}): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociManifest, config, layers, ...more });
}

/** Serves `manifest` under every tag, and all documents under their digests. */
function serving(manifest: string, ...documents: readonly string[]): Reply {
  const byDigest = new Map([manifest, ...documents].map((text) => [digestOf(text) as string, text]));
  return (response, received, request) => {
    const [, kind, reference = ''] = /\/(manifests|blobs)\/(.*)$/.exec(received.url) ?? [];
    const text = byDigest.get(reference) ?? (kind === 'manifests' ? manifest : undefined);
    if (text === undefined) return failWith(404, 'BLOB_UNKNOWN', 'blob unknown')(response, received, request);
    response.end(text);
  };
}

async function pull(reply: Reply, platform?: Platform): Promise<PulledImage> {
  await using registry = await ScriptedRegistry.start(reply);
  using client = new RegistryClient({ proxyEnv: {}, retry: { attempts: 1 }, stallTimeoutMs: 500 });
  const options = platform ? { store, platform } : { store };
  return await pullImage(client, parseReference(`${registry.host}/app:1`), options);
}

for (const { name, config, layers, more, message } of [
  {
    name: 'an artifact with an empty config',
    config: descriptorOf(MEDIA.ociEmpty, '{}'),
    layers: [],
    more: { artifactType: 'application/vnd.example.sbom' },
    message: /no container image but "application\/vnd\.example\.sbom"/,
  },
  {
    name: 'an artifact with a config of its own',
    config: descriptorOf('application/vnd.cncf.helm.config.v1+json', '{}'),
    layers: [],
    message: /no container image but "application\/vnd\.cncf\.helm/,
  },
  {
    name: 'a foreign layer',
    config: descriptorOf(MEDIA.ociConfig, configFor(1)),
    layers: [descriptorOf('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', 'x')],
    message: /foreign layer/,
  },
  {
    name: 'a layer type nobody knows',
    config: descriptorOf(MEDIA.ociConfig, configFor(1)),
    layers: [descriptorOf(`${MEDIA.ociLayerGzip}+encrypted`, 'x')],
    message: /unsupported layer type/,
  },
  {
    name: 'a config that names other layers',
    config: descriptorOf(MEDIA.ociConfig, configFor(2)),
    layers: [descriptorOf(MEDIA.ociLayer, 'layer 0')],
    message: /the config names 2 layers, the manifest 1/,
  },
])
  test(`pullImage() refuses ${name}`, async () => {
    const reply = serving(manifestOf(config, layers, more), configFor(1), configFor(2), 'layer 0');
    await assert.rejects(pull(reply), { code: 'invalid_argument', message });
  });

test('pullImage() takes a single manifest of another platform unless one was asked for', async () => {
  const config = configFor(1, 'arm64');
  const layer = descriptorOf(MEDIA.ociLayer, 'layer 0');
  const reply = serving(manifestOf(descriptorOf(MEDIA.ociConfig, config), [layer]), config, 'layer 0');
  const message = /was found but its platform \(linux\/arm64\) does not match the specified platform \(linux\/amd64\)/;
  await assert.rejects(pull(reply, AMD64), { code: 'not_found', message });
  assert.equal((await pull(reply)).imageConfig.architecture, 'arm64');
});

test('pullImage() fails as a whole when one layer is missing, and nothing keeps running', async () => {
  const layers = ['layer 0', 'layer 1'].map((text) => descriptorOf(MEDIA.ociLayer, text));
  const config = configFor(2);
  const reply = serving(manifestOf(descriptorOf(MEDIA.ociConfig, config), layers), config, 'layer 0');
  await assert.rejects(pull(reply), { code: 'not_found', message: /blob unknown/ });
});

test('pullImage() refuses indexes nested without end', async () => {
  let document = manifestOf(descriptorOf(MEDIA.ociConfig, '{}'), []);
  const documents: string[] = [];
  for (let depth = 0; depth < 5; depth++) {
    documents.push(document);
    const entry = { ...descriptorOf(depth === 0 ? MEDIA.ociManifest : MEDIA.ociIndex, document), platform: AMD64 };
    document = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [entry] });
  }
  const reply = serving(document, ...documents);
  await assert.rejects(pull(reply, AMD64), { code: 'invalid_argument', message: /indexes inside each other/ });
});
