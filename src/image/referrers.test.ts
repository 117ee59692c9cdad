import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ContentIngester } from '../content/index.ts';
import { openMetadata } from '../metadata/index.ts';
import { MEDIA, digestOf, type Digest } from '../oci/index.ts';
import { Referrers, putReferrer } from './index.ts';

const SUBJECT = { mediaType: MEDIA.ociManifest, digest: digestOf('image'), size: 5 };

/** Keeps what is put by digest; each has to be leased before. */
function memoryContent(leased: Set<string>): { content: ContentIngester; blobs: Map<string, Buffer> } {
  const blobs = new Map<string, Buffer>();
  const put = async (bytes: Uint8Array) => {
    const digest = digestOf(bytes);
    assert.ok(leased.has(digest), 'stored before it was leased');
    blobs.set(digest, Buffer.from(bytes));
    return { digest, size: bytes.length };
  };
  return { content: { put } as unknown as ContentIngester, blobs };
}

test('putReferrer() writes an artifact manifest with subject, empty config and type', async () => {
  const leased = new Set<string>();
  const { content, blobs } = memoryContent(leased);
  const keep = async (digest: Digest): Promise<void> => void leased.add(digest);
  const layer = { mediaType: 'text/plain', bytes: Buffer.from('hello'), annotations: { a: 'b' } };
  const artifact = { artifactType: 'text/x', layers: [layer], annotations: { c: 'd' } };
  const { manifest, blobs: listed } = await putReferrer(content, SUBJECT, artifact, keep);
  assert.deepEqual(JSON.parse(blobs.get(manifest.digest)!.toString()), {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    artifactType: 'text/x',
    config: {
      mediaType: 'application/vnd.oci.empty.v1+json',
      digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
      size: 2,
      data: 'e30=',
    },
    layers: [{ mediaType: 'text/plain', digest: digestOf('hello'), size: 5, annotations: { a: 'b' } }],
    subject: SUBJECT,
    annotations: { c: 'd' },
  });
  assert.deepEqual([manifest.artifactType, manifest.annotations], ['text/x', { c: 'd' }]);
  assert.deepEqual(
    listed.map(({ digest }) => blobs.has(digest)),
    [true, true],
  );
});

test('Referrers replaces what it is told to, and forgets those of subjects that are gone', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lading-referrers-'));
  const metadata = openMetadata(join(dir, 'metadata.db'));
  try {
    const referrers = new Referrers(metadata);
    const named = (text: string) => ({
      manifest: { mediaType: MEDIA.ociManifest, digest: digestOf(text), size: 1 },
      blobs: [{ mediaType: 'x', digest: digestOf(`${text} blob`), size: 1 }],
    });
    const [one, two] = [named('one'), named('two')];
    referrers.add(SUBJECT.digest, [one]);
    referrers.add(SUBJECT.digest, [one]);
    referrers.add(SUBJECT.digest, [two]);
    assert.deepEqual(referrers.of(SUBJECT.digest), [one, two]);
    referrers.note(SUBJECT.digest, one.manifest.digest, { folder: '/x' });
    assert.deepEqual(referrers.of(SUBJECT.digest), [{ ...one, local: { folder: '/x' } }, two]);
    referrers.add(SUBJECT.digest, [two], ({ manifest }) => manifest.digest === one.manifest.digest);
    assert.deepEqual(referrers.of(SUBJECT.digest), [two]);
    assert.deepEqual(referrers.keep(new Set([SUBJECT.digest])), [two.manifest.digest, two.blobs[0]!.digest]);
    assert.deepEqual(referrers.keep(new Set()), []);
    assert.deepEqual(referrers.of(SUBJECT.digest), []);
  } finally {
    metadata.close();
    rmSync(dir, { recursive: true });
  }
});
