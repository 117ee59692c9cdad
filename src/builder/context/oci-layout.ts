import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContentStore } from '../../content/index.ts';
import { choosePlatform } from '../../distribution/index.ts';
import { LadingError, errnoOf } from '../../errors/index.ts';
import { pairLayers, type Image, type Unpacker } from '../../image/index.ts';
import {
  MEDIA,
  isIndexType,
  parseImageConfig,
  parseJson,
  parseManifestDocument,
  type Descriptor,
  type ImageIndex,
  type Platform,
} from '../../oci/index.ts';
import type { BuildLease } from '../types.ts';
import type { LayoutContext } from './named-contexts.ts';

export interface LayoutParts {
  readonly content: ContentStore;
  readonly unpacker: Unpacker;
  readonly lease: BuildLease;
  readonly platform: Platform;
  readonly signal?: AbortSignal;
}

const MAX_INDEX = 4 << 20;
const MAX_DEPTH = 5;

/**
 * An image of an OCI layout folder, its blobs verified, stored and unpacked, held by the lease; it gets no name. Without tag and digest it is "latest", or the only one.
 * @throws not_found when there is none such; data_loss when bytes are not what a digest says
 */
export async function loadLayout(layout: LayoutContext, parts: LayoutParts): Promise<Image> {
  const { content, unpacker, lease, signal } = parts;
  const manifest = await findManifest(layout, parts);
  const document = parseManifestDocument(await content.read(manifest.digest), manifest.mediaType);
  if (document.kind !== 'manifest') throw new LadingError('invalid_argument', `${shown(layout)}: no image manifest`);
  const { config: configBlob, layers: blobs } = document.manifest;
  for (const blob of [configBlob, ...blobs]) await takeBlob(layout, blob, parts);
  const config = parseImageConfig(parseJson(await content.read(configBlob.digest), 'image config'));
  const layers = pairLayers(config, blobs);
  const layerSizes: number[] = [];
  let parent: (typeof layers)[number]['chainId'] | undefined;
  for (const { chainId, diffId, blob } of layers) {
    await lease.addSnapshot(chainId);
    parent = await unpacker.unpack(parent, diffId, blob, signal ? { signal } : {});
    layerSizes.push(await unpacker.sizeOf(parent));
  }
  const sizeBytes = layerSizes.reduce((a, b) => a + b, 0);
  return { id: configBlob.digest, manifest, storedAt: new Date().toISOString(), sizeBytes, layerSizes, config, layers };
}

/** From index.json down through indexes, by platform. */
async function findManifest(layout: LayoutContext, parts: LayoutParts): Promise<Descriptor> {
  let chosen = pickEntry(await readIndex(layout), layout);
  for (let depth = 0; isIndexType(chosen.mediaType); depth++) {
    if (depth > MAX_DEPTH) throw new LadingError('invalid_argument', `${shown(layout)}: indexes nested too deep`);
    await takeBlob(layout, chosen, parts);
    const document = parseManifestDocument(await parts.content.read(chosen.digest), chosen.mediaType);
    if (document.kind !== 'index') throw new LadingError('invalid_argument', `${shown(layout)}: no image index`);
    chosen = choosePlatform(document.index, parts.platform);
  }
  await takeBlob(layout, chosen, parts);
  const { mediaType, digest, size } = chosen;
  return { mediaType, digest, size };
}

async function readIndex(layout: LayoutContext): Promise<ImageIndex> {
  const path = join(layout.path, 'index.json');
  try {
    if ((await stat(path)).size > MAX_INDEX)
      throw new LadingError('invalid_argument', `${shown(layout)}: index.json is larger than ${MAX_INDEX} bytes`);
    const document = parseManifestDocument(await readFile(path), MEDIA.ociIndex);
    if (document.kind === 'index') return document.index;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw error;
    throw new LadingError('not_found', `${shown(layout)}: no OCI layout is there`, { cause: error });
  }
  throw new LadingError('invalid_argument', `${shown(layout)}: index.json is not an index`);
}

function pickEntry({ manifests }: ImageIndex, layout: LayoutContext): Descriptor {
  const { tag, digest } = layout;
  const nameOf = (entry: Descriptor): string | undefined => entry.annotations?.['org.opencontainers.image.ref.name'];
  const tagged = (wanted: string): Descriptor | undefined =>
    manifests.find((entry) => nameOf(entry) === wanted || nameOf(entry)?.endsWith(`:${wanted}`));
  const found =
    digest !== undefined
      ? manifests.find((entry) => entry.digest === digest)
      : tag !== undefined
        ? tagged(tag)
        : (tagged('latest') ?? (manifests.length === 1 ? manifests[0] : undefined));
  if (found) return found;
  const names = manifests.map((entry) => nameOf(entry) ?? entry.digest).slice(0, 20);
  throw new LadingError('not_found', `${shown(layout)}: no image ${digest ?? tag ?? 'latest'} in it`, {
    hint: `it holds: ${names.join(', ') || 'nothing'}`,
  });
}

async function takeBlob(layout: LayoutContext, { digest, size }: Descriptor, parts: LayoutParts): Promise<void> {
  const { content, lease, signal } = parts;
  await lease.addDigest(digest);
  if (await content.info(digest)) return;
  const path = join(layout.path, 'blobs', digest.replace(':', '/'));
  await stat(path).catch((error: unknown) => {
    throw new LadingError('not_found', `${shown(layout)}: ${digest} is named but not in it`, { cause: error });
  });
  const ref = `layout-${process.pid}-${crypto.randomUUID()}`;
  await content.ingest(ref, createReadStream(path), { digest, size }, signal ? { signal } : {});
}

function shown({ path }: LayoutContext): string {
  return `oci-layout://${path.slice(0, 300)}`;
}
