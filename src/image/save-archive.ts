import { PassThrough, type Readable } from 'node:stream';
import { once } from 'node:events';
import { TarWriter, type TarHeader } from '../archive/index.ts';
import type { ContentReader } from '../content/index.ts';
import { MEDIA, familiarReference, type Descriptor, type Digest, type Reference } from '../oci/index.ts';
import type { Image } from './image-record.ts';

export interface ImageToSave {
  readonly image: Image;
  readonly references: readonly Reference[];
  /** What the names mean, when that is an index: it and all its images are saved; `image` is the one docker-archive readers get. */
  readonly index?: {
    readonly descriptor: Descriptor;
    readonly images: readonly Image[];
    readonly also: readonly Digest[];
  };
}

const EPOCH = { sec: 0, nsec: 0 };

function fileHeader(name: string, size: number): TarHeader {
  return { name, type: 'file', mode: 0o644, uid: 0, gid: 0, size, mtime: EPOCH };
}

function blobPath(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** What is in an archive besides `oci-layout`. */
export interface LayoutArchive {
  /** Stored blobs: manifests, indexes, configs, layers. */
  readonly blobs: Iterable<Digest>;
  /** `index.json` */
  readonly index: object;
  /** `manifest.json`, which makes it a docker-archive too. */
  readonly dockerManifest?: readonly object[];
}

/**
 * Streams images as one tar that is at once a docker-archive (manifest.json) and an OCI layout, as Docker since 25 writes.
 * Blobs are the stored bytes, each once. The receiver destroys the stream to cancel.
 */
export function writeImageArchive(content: ContentReader, images: readonly ImageToSave[]): Readable {
  const blobs = images.flatMap(({ image, index }) => [
    ...(index ? [index.descriptor.digest, ...index.also] : []),
    ...[image, ...(index?.images ?? [])].flatMap((one) => [
      one.manifest.digest,
      one.id,
      ...one.layers.map(({ blob }) => blob.digest),
    ]),
  ]);
  return writeLayoutArchive(content, { blobs, index: indexOf(images), dockerManifest: images.map(dockerEntry) });
}

/** Streams stored blobs as the tar of an OCI layout, each once. The receiver destroys the stream to cancel. */
export function writeLayoutArchive(content: ContentReader, archive: LayoutArchive): Readable {
  const stream = new PassThrough({ highWaterMark: 1 << 20 });
  const writer = new TarWriter(async (chunk) => {
    if (!stream.write(chunk) && !stream.destroyed) await drained(stream);
    if (stream.destroyed) throw new Error('the reader of the archive has gone');
  });
  void writeAll(writer, content, archive).then(
    () => stream.end(),
    (error: unknown) => stream.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return stream;
}

/** Waits until the stream takes more or is gone; leaves no listener. */
async function drained(stream: PassThrough): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  try {
    await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]);
  } finally {
    settled.abort();
  }
}

async function writeAll(writer: TarWriter, content: ContentReader, archive: LayoutArchive): Promise<void> {
  for (const directory of ['blobs/', 'blobs/sha256/'])
    await writer.add({ name: directory, type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: EPOCH });
  for (const digest of [...new Set(archive.blobs)].sort()) {
    const info = await content.info(digest);
    await writer.add(fileHeader(blobPath(digest), info?.size ?? 0), await content.open(digest));
  }
  await addJson(writer, 'index.json', archive.index);
  if (archive.dockerManifest) await addJson(writer, 'manifest.json', archive.dockerManifest);
  await addJson(writer, 'oci-layout', { imageLayoutVersion: '1.0.0' });
  await writer.end();
}

async function addJson(writer: TarWriter, name: string, value: unknown): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(value));
  await writer.add(fileHeader(name, bytes.length), bytes);
}

function dockerEntry({ image, references }: ImageToSave): object {
  return {
    Config: blobPath(image.id),
    RepoTags: references.length > 0 ? references.map(familiarReference) : null,
    Layers: image.layers.map((layer) => blobPath(layer.blob.digest)),
  };
}

/** One descriptor a name, since an annotation holds one. */
function indexOf(images: readonly ImageToSave[]): object {
  const manifests = images.flatMap(({ image, references, index }) => {
    const { os, architecture, variant } = image.config;
    const platform = { architecture, os, ...(variant === undefined ? {} : { variant }) };
    const plain = index ? plainDescriptor(index.descriptor) : { ...plainDescriptor(image.manifest), platform };
    if (references.length === 0) return [plain];
    return references.map((reference) => ({
      ...plain,
      annotations: {
        'io.containerd.image.name': `${reference.domain}/${reference.path}:${reference.tag ?? 'latest'}`,
        'org.opencontainers.image.ref.name': reference.tag ?? 'latest',
      },
    }));
  });
  return { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests };
}

function plainDescriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
