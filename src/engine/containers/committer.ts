import { writeLayerFromUpper } from '../../archive/index.ts';
import type { ContentStore } from '../../content/index.ts';
import { unlink } from 'node:fs/promises';
import type { Image, ImageStore, LayerBlobs, Unpacker } from '../../image/index.ts';
import { descriptorOf, putConfig, putManifest } from '../../image/index.ts';
import {
  MEDIA,
  chainIdOf,
  parseReference,
  withDefaultTag,
  type Digest,
  type ImageConfig,
  type Reference,
  type RunConfig,
} from '../../oci/index.ts';
import type { Snapshotter } from '../../snapshot/index.ts';
import type { EventBus } from '../events.ts';
import { applyChanges } from '../config-changes.ts';
import type { Leases } from '../leases.ts';
import { programOf, snapshotKeyOf, type ContainerRecord } from './container-record.ts';

export interface CommitOptions {
  readonly repo?: string;
  readonly tag?: string;
  readonly comment?: string;
  readonly author?: string;
  readonly changes: readonly string[];
  readonly pause: boolean;
  readonly config?: RunConfig;
}

export interface CommitterDependencies {
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
  readonly images: ImageStore;
  readonly layerBlobs: LayerBlobs;
  readonly unpacker: Unpacker;
  readonly events: EventBus;
  readonly leases: Leases;
}

/** Makes an image from a container: its writable layer becomes one more layer, its configuration the image's. */
export class Committer {
  readonly #d: CommitterDependencies;

  constructor(dependencies: CommitterDependencies) {
    this.#d = dependencies;
  }

  async commit(record: ContainerRecord, options: CommitOptions): Promise<Digest> {
    const { content, snapshotter, images, layerBlobs, unpacker, events, leases } = this.#d;
    // What the client may have got wrong, before any work.
    const name = nameOf(options);
    const config = applyChanges({ ...runConfigOf(record), ...options.config }, options.changes);
    await using lease = leases.take();
    const keep = (digest: Digest): Promise<void> => lease.addDigest(digest);
    const base = await images.open(images.resolve(record.imageId).record);
    const path = await content.stagingPath();
    const layer = await writeLayerFromUpper(await snapshotter.upperDirOf(snapshotKeyOf(record.id)), { path }, {}).catch(
      async (error: unknown) => {
        await unlink(path).catch(() => undefined);
        throw error;
      },
    );
    await keep(layer.diffId as string as Digest);
    const blob = descriptorOf(
      MEDIA.ociLayer,
      await content.adopt(path, { digest: layer.diffId as string as Digest, size: layer.size }),
    );
    await lease.addSnapshot(chainIdOf(record.parent, layer.diffId));
    const chainId = await unpacker.unpack(record.parent, layer.diffId, blob);
    layerBlobs.remember(layer.diffId, blob);
    const configDescriptor = await putConfig(content, configOf(base, record, options, config, layer.diffId), keep);
    const layers = [...base.layers.map((existing) => existing.blob), blob];
    const manifest = await putManifest(content, configDescriptor, layers, keep);
    const layerSize = await unpacker.sizeOf(chainId);
    const image = {
      id: configDescriptor.digest,
      manifest,
      storedAt: new Date().toISOString(),
      sizeBytes: base.sizeBytes + layerSize,
      layerSizes: [...base.layerSizes, layerSize],
    };
    images.put(image, name ? [{ reference: name, target: manifest }] : []);
    events.publish('container', 'commit', record.id, { image: record.image, name: record.name, imageID: image.id });
    return image.id;
  }
}

function nameOf({ repo, tag }: CommitOptions): Reference | undefined {
  return repo ? withDefaultTag(parseReference(tag ? `${repo}:${tag}` : repo)) : undefined;
}

function configOf(
  base: Image,
  record: ContainerRecord,
  options: CommitOptions,
  config: RunConfig,
  diffId: ImageConfig['rootfs']['diff_ids'][number],
): ImageConfig {
  const created = new Date().toISOString();
  const author = options.author ?? '';
  return {
    architecture: base.config.architecture,
    os: base.config.os,
    ...(base.config.variant === undefined ? {} : { variant: base.config.variant }),
    created,
    ...(author === '' ? {} : { author }),
    config,
    rootfs: { type: 'layers', diff_ids: [...base.config.rootfs.diff_ids, diffId] },
    history: [
      ...base.config.history,
      {
        created,
        created_by: programOf(record.config).join(' '),
        ...(author === '' ? {} : { author }),
        ...(options.comment ? { comment: options.comment } : {}),
      },
    ],
  };
}

const IMAGE_KEYS =
  'User ExposedPorts Env Entrypoint Cmd Volumes WorkingDir Labels StopSignal Healthcheck OnBuild Shell'.split(' ');

/** The part of a container's configuration that belongs to an image. */
function runConfigOf(record: ContainerRecord): RunConfig {
  const isEmpty = (value: unknown): boolean =>
    value === undefined ||
    value === null ||
    value === '' ||
    (typeof value === 'object' && Object.keys(value).length === 0);
  const kept = Object.entries(record.config).filter(([key, value]) => IMAGE_KEYS.includes(key) && !isEmpty(value));
  return Object.fromEntries(kept) as RunConfig;
}
