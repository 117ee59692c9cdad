import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { TarWriter } from '../archive/index.ts';
import { LocalContentStore } from '../content/index.ts';
import { isLadingError } from '../errors/index.ts';
import { digestOf, formatReference, type Digest } from '../oci/index.ts';
import { readImageArchive, type LoadedImage } from './index.ts';

const LAYER = Buffer.alloc(1024);
const CONFIG = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [digestOf(LAYER)] } };

async function load(t: TestContext, manifest: unknown): Promise<{ images: LoadedImage[]; kept: Set<Digest> }> {
  const dir = mkdtempSync(join(tmpdir(), 'load-archive-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const content = await LocalContentStore.open(dir);
  const kept = new Set<Digest>();
  const tar = await tarOf({
    'config.json': Buffer.from(JSON.stringify(CONFIG)),
    'layer.tar': LAYER,
    'manifest.json': Buffer.from(JSON.stringify(manifest)),
  });
  const keep = async (digest: Digest): Promise<void> => void kept.add(digest);
  return { images: await readImageArchive(Readable.from([tar]), content, { keep }), kept };
}

async function tarOf(files: Record<string, Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const writer = new TarWriter(async (chunk) => void chunks.push(Buffer.from(chunk)));
  const common = { type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: { sec: 0, nsec: 0 } } as const;
  for (const [name, bytes] of Object.entries(files)) await writer.add({ ...common, name, size: bytes.length }, bytes);
  await writer.end();
  return Buffer.concat(chunks);
}

const ENTRY = { Config: 'config.json', Layers: ['layer.tar'] };

test('a docker-archive gives its images, with everything stored kept, the manifest made here too', async (t) => {
  const { images, kept } = await load(t, [{ ...ENTRY, RepoTags: ['app:1', 'app:2'] }]);
  assert.deepEqual(
    images[0]!.names.map(({ reference }) => formatReference(reference)),
    ['docker.io/library/app:1', 'docker.io/library/app:2'],
  );
  const { id, manifest, layers } = images[0]!;
  for (const digest of [id, manifest.digest, layers[0]!.digest]) assert.ok(kept.has(digest), digest);
});

test('RepoTags may be missing or null', async (t) => {
  for (const entry of [ENTRY, { ...ENTRY, RepoTags: null }])
    assert.deepEqual((await load(t, [entry])).images[0]!.names, []);
});

test('RepoTags that is no list of strings is refused', async (t) => {
  for (const RepoTags of ['app:1', 7, [7], [null], { 0: 'app:1' }])
    await assert.rejects(load(t, [{ ...ENTRY, RepoTags }]), (error) => isLadingError(error, 'invalid_argument'));
});
