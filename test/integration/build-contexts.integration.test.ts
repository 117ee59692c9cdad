import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Image } from '../../src/image/index.ts';
import { BuilderHarness } from '../support/builder-harness.ts';
import { GitServer } from '../support/git-server.ts';
import { inImage as mounted } from '../support/image-files.ts';

const isRoot = process.getuid?.() === 0;
const skip = isRoot ? false : 'needs root';
let harness: BuilderHarness;
let git: GitServer;

before(async () => {
  if (!isRoot) return;
  harness = await BuilderHarness.open();
  git = await GitServer.start();
});

after(async () => {
  if (!isRoot) return;
  await git.stop();
  assert.deepEqual(await harness.leftovers(), []);
  await harness.close();
});

function inImage<T>(image: Image, look: (root: string) => T): Promise<T> {
  return mounted(harness, image, look);
}

function filesOf(image: Image): Promise<string[]> {
  return inImage(image, (root) => (readdirSync(root, { recursive: true }) as string[]).sort());
}

/** A folder with an OCI layout of an image of one layer that holds these files. */
async function ociLayout(files: Record<string, string>, tag: string): Promise<string> {
  const folder = harness.context(files);
  const dir = harness.context({});
  const layer = spawnSync('tar', ['--owner=0', '--group=0', '-C', folder, '-c', '.']).stdout;
  const put = (bytes: Buffer): { digest: string; size: number } => {
    const hex = hash('sha256', bytes);
    mkdirSync(join(dir, 'blobs/sha256'), { recursive: true });
    writeFileSync(join(dir, 'blobs/sha256', hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const rootfs = { type: 'layers', diff_ids: [put(layer).digest] };
  const config = put(
    json({ architecture: arch, os: 'linux', config: { Env: ['FROM_LAYOUT=1'] }, rootfs, history: [] }),
  );
  const [oci, layerType] = ['application/vnd.oci.image', 'application/vnd.oci.image.layer.v1.tar'];
  const manifest = put(
    json({
      schemaVersion: 2,
      mediaType: `${oci}.manifest.v1+json`,
      config: { mediaType: `${oci}.config.v1+json`, ...config },
      layers: [{ mediaType: layerType, ...put(layer) }],
    }),
  );
  const annotations = { 'org.opencontainers.image.ref.name': tag };
  const entry = { mediaType: `${oci}.manifest.v1+json`, ...manifest, annotations };
  writeFileSync(join(dir, 'index.json'), json({ schemaVersion: 2, manifests: [entry] }));
  writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return dir;
}

test('named contexts take the place of images, in FROM, COPY --from and RUN --mount from=', { skip }, async () => {
  const folder = harness.context({ a: 'A', skipped: 'S', '.dockerignore': 'skipped\n' });
  const layout = await ociLayout({ inlayout: 'L' }, 'v1');
  git.commit('named', { g: 'G' });
  const dockerfileText = `FROM busybox AS plain
FROM alpine:latest AS base
COPY --from=docker.io/library/files:latest / /files/
COPY --from=layout inlayout /
COPY --from=repo . /repo/
COPY --from=done /bin/busybox /other
RUN --mount=from=files,target=/mnt cat /mnt/a && ! test -e /mnt/skipped && test "$FROM_LAYOUT" = ""
FROM layout
COPY --from=base / /all/
`;
  const contexts = {
    alpine: 'docker-image://busybox',
    files: folder,
    layout: `oci-layout://${layout}:v1`,
    repo: git.url('named'),
    done: 'target:plain',
  };
  const built = await harness.build({ dockerfileText, contexts });
  assert.match(built.output, /^A/m);
  assert.deepEqual(built.image.config.config.Env?.slice(0, 1), ['FROM_LAYOUT=1']);
  await inImage(built.image, (root) => {
    assert.equal(readFileSync(join(root, 'all/files/a'), 'utf8'), 'A');
    assert.ok(!existsSync(join(root, 'all/files/skipped')));
    assert.equal(readFileSync(join(root, 'all/repo/g'), 'utf8'), 'G');
    assert.ok(existsSync(join(root, 'inlayout')) && existsSync(join(root, 'all/other')));
  });
  const again = await harness.build({ dockerfileText, contexts });
  assert.deepEqual(
    again.statuses.filter((status) => /^(?:COPY|RUN)/.test(status) && !status.endsWith('cached')),
    [],
  );
});

test('a named context takes the place of a stage, and of a base as files alone', { skip }, async () => {
  const folder = harness.context({ only: 'this' });
  const dockerfileText = 'FROM busybox AS build\nRUN exit 1\nFROM scratch\nCOPY --from=build /only /\n';
  const built = await harness.build({ dockerfileText, contexts: { build: folder } });
  assert.deepEqual(await filesOf(built.image), ['only']);
  const base = await harness.build({ dockerfileText: 'FROM rootfs\nCMD ["x"]\n', contexts: { rootfs: folder } });
  assert.deepEqual(await filesOf(base.image), ['only']);
});

test('named contexts that cannot be are refused by name', { skip }, async () => {
  const layout = await ociLayout({ a: 'a' }, 'v1');
  const rows: [contexts: Record<string, string>, message: RegExp][] = [
    [{ x: 'relative' }, /invalid build context x: "relative" is neither/],
    [{ x: '/nonexistent' }, /path "\/nonexistent" not found/],
    [{ x: `oci-layout://${layout}:v2` }, /no image v2 in it/],
    [{ x: 'oci-layout:///nonexistent' }, /no OCI layout is there/],
    [{ x: 'target:none' }, /target stage "none" could not be found/],
    [{ x: 'target:last' }, /circular dependency detected on stage: last/],
  ];
  for (const [contexts, message] of rows)
    await assert.rejects(harness.build({ dockerfileText: 'FROM scratch AS last\nCOPY --from=x / /\n', contexts }), {
      message,
    });
  const tampered = await ociLayout({ b: 'b' }, 'v1');
  for (const name of readdirSync(join(tampered, 'blobs/sha256')))
    writeFileSync(join(tampered, 'blobs/sha256', name), 'tampered');
  await assert.rejects(harness.build({ dockerfileText: 'FROM x\n', contexts: { x: `oci-layout://${tampered}` } }), {
    code: 'data_loss',
  });
});
