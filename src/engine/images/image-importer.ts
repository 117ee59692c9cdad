import type { Readable } from 'node:stream';
import { decompressStream, detectCompression } from '../../archive/index.ts';
import type { ContentStore } from '../../content/index.ts';
import {
  descriptorOf,
  putConfig,
  putManifest,
  type ImageStore,
  type LayerBlobs,
  type Unpacker,
} from '../../image/index.ts';
import {
  MEDIA,
  chainIdOf,
  hostPlatform,
  parseReference,
  withDefaultTag,
  type Digest,
  type DiffID,
  type ImageConfig,
  type Platform,
} from '../../oci/index.ts';
import { applyChanges } from '../config-changes.ts';
import type { EventBus } from '../events.ts';
import type { Leases } from '../leases.ts';
import type { OnProgress } from '../types.ts';

export interface ImporterDependencies {
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly layerBlobs: LayerBlobs;
  readonly unpacker: Unpacker;
  readonly events: EventBus;
  readonly leases: Leases;
  readonly collect: () => Promise<number>;
}

export interface ImportOptions {
  readonly reference?: string;
  readonly message?: string;
  readonly changes: readonly string[];
  readonly platform?: Platform;
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal;
}

/** `import`: a root file system's tar becomes an image of one layer, stored uncompressed. */
export class ImageImporter {
  readonly #d: ImporterDependencies;

  constructor(dependencies: ImporterDependencies) {
    this.#d = dependencies;
  }

  async import(tar: Readable, options: ImportOptions): Promise<Digest> {
    const reference = options.reference ? withDefaultTag(parseReference(options.reference)) : undefined;
    const runConfig = applyChanges({}, options.changes);
    try {
      return await this.#import(tar, options, reference, runConfig);
    } catch (error) {
      await this.#d.collect().catch(() => 0);
      throw error;
    } finally {
      tar.destroy();
    }
  }

  async #import(
    tar: Readable,
    options: ImportOptions,
    reference: ReturnType<typeof parseReference> | undefined,
    runConfig: ImageConfig['config'],
  ): Promise<Digest> {
    const { content, images, layerBlobs, unpacker, events, leases } = this.#d;
    await using lease = leases.take();
    const keep = (digest: Digest): Promise<void> => lease.addDigest(digest);
    const stored = await content.ingest(
      `import-${crypto.randomUUID()}`,
      await uncompressed(tar),
      {},
      options.signal ? { signal: options.signal } : {},
    );
    await keep(stored.digest);
    const diffId = stored.digest as string as DiffID;
    const blob = descriptorOf(MEDIA.ociLayer, stored);
    await lease.addSnapshot(chainIdOf(undefined, diffId));
    const chainId = await unpacker.unpack(undefined, diffId, blob, options.signal ? { signal: options.signal } : {});
    layerBlobs.remember(diffId, blob);
    const created = new Date().toISOString();
    const config: ImageConfig = {
      ...(options.platform ?? hostPlatform()),
      created,
      config: runConfig,
      rootfs: { type: 'layers', diff_ids: [diffId] },
      history: [{ created, comment: options.message || 'Imported from -' }],
    };
    const configDescriptor = await putConfig(content, config, keep);
    const manifest = await putManifest(content, configDescriptor, [blob], keep);
    const size = await unpacker.sizeOf(chainId);
    const record = { id: configDescriptor.digest, manifest, storedAt: created, sizeBytes: size, layerSizes: [size] };
    images.put(record, reference ? [{ reference, target: manifest }] : []);
    events.publish('image', 'import', record.id, { name: record.id });
    options.onProgress({ status: record.id });
    return record.id;
  }
}

/** Any compression the tools on this machine know is undone; recognised by the first bytes. */
async function uncompressed(tar: Readable): Promise<Readable> {
  const head = await firstChunk(tar);
  const kind = detectCompression(head);
  return kind === 'none' ? tar : decompressStream(tar, kind);
}

function firstChunk(stream: Readable): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const cleanup = (): void => {
      stream.off('readable', onReadable).off('error', onError).off('end', onEnd);
    };
    const onReadable = (): void => {
      const chunk = stream.read() as Buffer | null;
      if (chunk === null) return;
      cleanup();
      stream.unshift(chunk);
      resolve(chunk);
    };
    const onError = (error: Error): void => (cleanup(), reject(error));
    const onEnd = (): void => (cleanup(), resolve(Buffer.alloc(0)));
    stream.on('readable', onReadable).on('error', onError).on('end', onEnd);
  });
}
