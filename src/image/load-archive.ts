import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { readTar } from '../archive/index.ts';
import type { BlobInfo, ContentStore } from '../content/index.ts';
import { LadingError } from '../errors/index.ts';
import {
  MEDIA,
  hostPlatform,
  isIndexType,
  isManifestType,
  parseDescriptor,
  parseImageConfig,
  parseJson,
  parseManifestDocument,
  parseReference,
  platformMatches,
  withDefaultTag,
  type Descriptor,
  type Digest,
  type ImageConfig,
  type Platform,
  type Reference,
} from '../oci/index.ts';
import { descriptorOf, putManifest } from './manifest-writer.ts';

/** An image found in an archive, its blobs stored, not yet unpacked. */
export interface LoadedImage {
  readonly id: Digest;
  readonly config: ImageConfig;
  readonly manifest: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly names: readonly { readonly reference: Reference; readonly target: Descriptor }[];
  /** The names mean an index of several platforms, all of which are in the archive: these are their images, this one among them. */
  readonly index?: {
    readonly descriptor: Descriptor;
    readonly members: readonly LoadedImage[];
    /** Manifests that are no images, and their blobs. */
    readonly also: readonly Digest[];
  };
}

const MAX_ENTRIES = 100_000;
const MAX_IMAGES = 1000;
const MAX_NESTED_INDEXES = 5;
const MAX_PLATFORMS = 100;

/** Files of the archive by cleaned path: stored blobs, and links to other files. */
class ArchiveFiles {
  readonly blobs = new Map<string, BlobInfo>();
  readonly links = new Map<string, string>();

  find(name: string): BlobInfo | undefined {
    let path = posix.normalize(name).replace(/^\/+/, '');
    for (let hops = 0; hops < 8; hops++) {
      const blob = this.blobs.get(path);
      if (blob) return blob;
      const target = this.links.get(path);
      if (target === undefined) return undefined;
      path = target;
    }
    return undefined;
  }

  need(name: string): BlobInfo {
    const blob = this.find(name);
    if (blob) return blob;
    throw new LadingError('invalid_argument', `load image archive: "${name}" is named by the archive but not in it`);
  }
}

/**
 * Reads a docker-archive or an OCI layout tar as a stream, storing each file once under its own digest, whatever the order of entries.
 * Every digest named inside is checked against the bytes. What turns out unused is left to the garbage collector.
 * @throws invalid_argument when it is neither format, or names what it does not hold
 */
export async function readImageArchive(
  tar: Readable,
  content: ContentStore,
  options: { platform?: Platform; signal?: AbortSignal; keep: (digest: Digest) => Promise<void> },
): Promise<LoadedImage[]> {
  const files = await storeFiles(tar, content, options);
  const manifestJson = files.find('manifest.json');
  const indexJson = files.find('index.json');
  if (indexJson && files.find('oci-layout')) {
    const images = await fromLayout(files, content, indexJson, options.platform ?? hostPlatform());
    return manifestJson ? addDockerNames(images, await readDockerManifest(content, manifestJson), files) : images;
  }
  if (manifestJson)
    return fromDockerArchive(files, content, await readDockerManifest(content, manifestJson), options.keep);
  throw new LadingError(
    'invalid_argument',
    'load image archive: neither manifest.json (docker-archive) nor index.json (OCI layout) in it',
    {
      hint: 'to make an image from a root file system, use lading import',
    },
  );
}

async function storeFiles(
  tar: Readable,
  content: ContentStore,
  options: { signal?: AbortSignal; keep: (digest: Digest) => Promise<void> },
): Promise<ArchiveFiles> {
  const files = new ArchiveFiles();
  let entries = 0;
  for await (const { header, body } of readTar(tar)) {
    options.signal?.throwIfAborted();
    if (++entries > MAX_ENTRIES)
      throw new LadingError('invalid_argument', `load image archive: more than ${MAX_ENTRIES} entries`);
    const name = posix.normalize(header.name).replace(/^\/+/, '');
    if (header.type === 'symlink' || header.type === 'hardlink') {
      const base = header.type === 'symlink' ? posix.dirname(name) : '.';
      files.links.set(name, posix.normalize(posix.join(base, header.linkName ?? '')));
    } else if (header.type === 'file') {
      const blob = await content.ingest(`load-${process.pid}-${crypto.randomUUID()}`, Readable.from(body), {
        size: header.size,
      });
      await options.keep(blob.digest);
      files.blobs.set(name, blob);
    }
  }
  return files;
}

interface DockerManifestEntry {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[] | null;
}

async function readDockerManifest(content: ContentStore, blob: BlobInfo): Promise<DockerManifestEntry[]> {
  const value = parseJson(await content.read(blob.digest), 'manifest.json');
  const isEntry = (entry: unknown): entry is DockerManifestEntry =>
    typeof entry === 'object' &&
    entry !== null &&
    'Config' in entry &&
    typeof entry.Config === 'string' &&
    'Layers' in entry &&
    isTexts(entry.Layers) &&
    (!('RepoTags' in entry) || isTexts(entry.RepoTags));
  if (!Array.isArray(value) || value.length > MAX_IMAGES || !value.every(isEntry))
    throw new LadingError('invalid_argument', 'load image archive: manifest.json is not a list of images');
  return value;
}

/** A list of strings, or Go's null for an empty one. */
function isTexts(value: unknown): value is readonly string[] | null {
  return value === null || (Array.isArray(value) && value.every((text) => typeof text === 'string'));
}

async function fromDockerArchive(
  files: ArchiveFiles,
  content: ContentStore,
  entries: DockerManifestEntry[],
  keep: (digest: Digest) => Promise<void>,
): Promise<LoadedImage[]> {
  const images: LoadedImage[] = [];
  for (const entry of entries) {
    const configBlob = files.need(entry.Config);
    const config = parseImageConfig(parseJson(await content.read(configBlob.digest), 'image config'));
    const layers: Descriptor[] = [];
    for (const path of entry.Layers ?? []) layers.push(await layerDescriptor(content, files.need(path)));
    const manifest = await putManifest(content, descriptorOf(MEDIA.ociConfig, configBlob), layers, keep);
    images.push({ id: configBlob.digest, config, manifest, layers, names: dockerNames(entry, manifest) });
  }
  return images;
}

function dockerNames(entry: DockerManifestEntry, target: Descriptor): LoadedImage['names'] {
  return (entry.RepoTags ?? []).map((text) => ({ reference: withDefaultTag(parseReference(text)), target }));
}

/** The layer's media type from its first bytes: archives do not say. */
async function layerDescriptor(content: ContentStore, blob: BlobInfo): Promise<Descriptor> {
  const head: Buffer[] = [];
  for await (const chunk of await content.open(blob.digest, { start: 0, end: 3 })) head.push(chunk as Buffer);
  const magic = Buffer.concat(head).toString('hex');
  const mediaType = magic.startsWith('1f8b')
    ? MEDIA.ociLayerGzip
    : magic === '28b52ffd'
      ? MEDIA.ociLayerZstd
      : MEDIA.ociLayer;
  return descriptorOf(mediaType, blob);
}

async function fromLayout(
  files: ArchiveFiles,
  content: ContentStore,
  indexJson: BlobInfo,
  platform: Platform,
): Promise<LoadedImage[]> {
  const bytes = await content.read(indexJson.digest);
  const document = parseManifestDocument(bytes, MEDIA.ociIndex);
  if (document.kind !== 'index')
    throw new LadingError('invalid_argument', 'load image archive: index.json is not an index');
  const images: LoadedImage[] = [];
  for (const target of document.index.manifests.slice(0, MAX_IMAGES)) {
    // What refers to an image is none itself.
    if (target.artifactType !== undefined) continue;
    const manifest = await chooseManifest(files, content, target, platform, 0);
    const index = isIndexType(target.mediaType) ? await wholeIndex(files, content, target) : undefined;
    const own = manifest ? await fromManifest(files, content, manifest, target) : index?.members[0];
    if (own) images.push({ ...own, names: layoutNames(target), ...(index ? { index } : {}) });
  }
  if (images.length === 0)
    throw new LadingError(
      'not_found',
      `load image archive: no image for ${platform.os}/${platform.architecture} in it`,
    );
  return images;
}

/** An index with several images, when all of them are in the archive. */
async function wholeIndex(
  files: ArchiveFiles,
  content: ContentStore,
  target: Descriptor,
): Promise<LoadedImage['index'] | undefined> {
  const { mediaType, digest, size } = target;
  const document = parseManifestDocument(await content.read(blobOf(files, target).digest), mediaType);
  if (document.kind !== 'index') return undefined;
  const { manifests } = document.index;
  if (manifests.length > MAX_PLATFORMS || manifests.some((entry) => !isManifestType(entry.mediaType))) return undefined;
  if (manifests.some((entry) => files.find(blobPath(entry)) === undefined)) return undefined;
  const images = manifests.filter(({ platform }) => platform !== undefined && platform.os !== 'unknown');
  if (images.length < 2) return undefined;
  const members: LoadedImage[] = [];
  for (const entry of images) members.push(await fromManifest(files, content, entry, entry));
  const also: Digest[] = [];
  for (const entry of manifests.filter((other) => !images.includes(other)))
    also.push(entry.digest, ...(await blobsOf(files, content, entry)));
  return { descriptor: { mediaType, digest, size }, members, also };
}

async function blobsOf(files: ArchiveFiles, content: ContentStore, manifest: Descriptor): Promise<Digest[]> {
  const document = parseManifestDocument(await content.read(blobOf(files, manifest).digest), manifest.mediaType);
  if (document.kind !== 'manifest') return [];
  return [document.manifest.config, ...document.manifest.layers].map((blob) => blobOf(files, blob).digest);
}

async function chooseManifest(
  files: ArchiveFiles,
  content: ContentStore,
  target: Descriptor,
  platform: Platform,
  depth: number,
): Promise<Descriptor | undefined> {
  if (isManifestType(target.mediaType)) return target;
  if (!isIndexType(target.mediaType) || depth > MAX_NESTED_INDEXES) return undefined;
  const blob = blobOf(files, target);
  const document = parseManifestDocument(await content.read(blob.digest), target.mediaType);
  if (document.kind !== 'index') return undefined;
  const candidates = document.index.manifests.filter(
    (entry) =>
      entry.platform !== undefined &&
      platformMatches(platform, entry.platform) &&
      files.find(blobPath(entry)) !== undefined,
  );
  const chosen = candidates[0] ?? (document.index.manifests.length === 1 ? document.index.manifests[0] : undefined);
  return chosen && chooseManifest(files, content, chosen, platform, depth + 1);
}

function blobPath(descriptor: Descriptor): string {
  return `blobs/${descriptor.digest.replace(':', '/')}`;
}

/** The stored blob a descriptor names; its bytes must have exactly that digest and size. */
function blobOf(files: ArchiveFiles, descriptor: Descriptor): BlobInfo {
  const blob = files.need(blobPath(descriptor));
  if (blob.digest !== descriptor.digest || blob.size !== descriptor.size)
    throw new LadingError(
      'data_loss',
      `load image archive: ${blobPath(descriptor)}: expected ${descriptor.digest} of ${descriptor.size} bytes, found ${blob.digest} of ${blob.size} bytes`,
    );
  return blob;
}

async function fromManifest(
  files: ArchiveFiles,
  content: ContentStore,
  manifest: Descriptor,
  target: Descriptor,
): Promise<LoadedImage> {
  const document = parseManifestDocument(await content.read(blobOf(files, manifest).digest), manifest.mediaType);
  if (document.kind !== 'manifest')
    throw new LadingError('invalid_argument', `load image archive: ${manifest.digest} is not a manifest`);
  const { config: configDescriptor, layers } = document.manifest;
  const config = parseImageConfig(
    parseJson(await content.read(blobOf(files, configDescriptor).digest), 'image config'),
  );
  for (const layer of layers) blobOf(files, layer);
  const { mediaType, digest, size } = manifest;
  return {
    id: configDescriptor.digest,
    config,
    manifest: { mediaType, digest, size },
    layers,
    names: layoutNames(target),
  };
}

/** containerd's full name, else the layout's own `ref.name` where it is a whole reference. */
function layoutNames(target: Descriptor): LoadedImage['names'] {
  const text =
    target.annotations?.['io.containerd.image.name'] ?? target.annotations?.['org.opencontainers.image.ref.name'];
  if (text === undefined || !/[:/]/.test(text)) return [];
  const { mediaType, digest, size } = parseDescriptor(target, 'index.json');
  return [{ reference: withDefaultTag(parseReference(text)), target: { mediaType, digest, size } }];
}

/** Docker's archives are both formats at once, and only manifest.json has all names. */
function addDockerNames(images: LoadedImage[], entries: DockerManifestEntry[], files: ArchiveFiles): LoadedImage[] {
  return images.map((image) => {
    const named = entries
      .filter((entry) => files.find(entry.Config)?.digest === image.id)
      .flatMap((entry) => dockerNames(entry, image.manifest));
    const { index } = image;
    const target = index?.descriptor;
    const names = target ? named.map(({ reference }) => ({ reference, target })) : named;
    return names.length > 0 ? { ...image, names } : image;
  });
}
