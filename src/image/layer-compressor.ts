import { unlink } from 'node:fs/promises';
import { compressLayer, decompressStream } from '../archive/index.ts';
import { SingleFlight } from '../base/index.ts';
import type { ContentStore } from '../content/index.ts';
import { LadingError, isLadingError } from '../errors/index.ts';
import { MEDIA, compressionOfLayerType, type Compression, type Descriptor, type Digest } from '../oci/index.ts';
import type { ImageLayer } from './image-record.ts';
import type { LayerBlobs } from './layer-blobs.ts';
import { descriptorOf } from './manifest-writer.ts';

/** How layers shall lie in an image that goes out. */
export interface LayerForm {
  readonly compression: Compression;
  /** Of gzip (0–9) or zstd (1–22); undefined is the usual one. */
  readonly level?: number | undefined;
  /** Layers that came compressed are changed too, if they are of another compression. */
  readonly force?: boolean | undefined;
}

export interface CompressOptions {
  /** Leases a digest for as long as the caller needs it. */
  readonly keep: (digest: Digest) => Promise<void>;
  /** Told before real work begins. */
  readonly onStart?: (layer: ImageLayer) => void;
  readonly signal?: AbortSignal | undefined;
}

const MEDIA_TYPES = { none: MEDIA.ociLayer, gzip: MEDIA.ociLayerGzip, zstd: MEDIA.ociLayerZstd } as const;
/** Remembered beside a blob made with a level that was asked for. Never leaves this machine. */
const LEVEL_NOTE = 'lading.compression-level';

/** Gives layers in the compression wanted. What it makes is stored and remembered by diffID, so that the next export or push makes nothing. */
export class LayerCompressor {
  readonly #content: ContentStore;
  readonly #blobs: LayerBlobs;
  readonly #running = new SingleFlight<Descriptor>();

  constructor(content: ContentStore, blobs: LayerBlobs) {
    this.#content = content;
    this.#blobs = blobs;
  }

  /**
   * The layer's blob in a form. A layer that has a compression stays as it is unless forced, so that a base image's layers keep their digests.
   * @throws data_loss when the layer's bytes are gone; cancelled
   */
  async in(layer: ImageLayer, form: LayerForm, options: CompressOptions): Promise<Descriptor> {
    const own = compressionOfLayerType(layer.blob.mediaType) ?? 'none';
    const asWanted = own === form.compression && (form.level === undefined || form.force !== true);
    if (asWanted || (own !== 'none' && form.force !== true)) return layer.blob;
    const known = await this.#known(layer, form, options.keep);
    if (known) return known;
    options.onStart?.(layer);
    const key = `${layer.diffId} ${form.compression} ${form.level ?? ''}`;
    for (;;)
      try {
        const made = await this.#running.run(key, () => this.#make(layer, own, form, options));
        await options.keep(made.digest);
        return made;
      } catch (error) {
        // Who began it has cancelled it; this caller has not, and begins it again.
        if (!isLadingError(error, 'cancelled') || options.signal?.aborted) throw error;
      }
  }

  async #known(layer: ImageLayer, form: LayerForm, keep: CompressOptions['keep']): Promise<Descriptor | undefined> {
    for (const blob of this.#blobs.remembered(layer.diffId)) await keep(blob.digest);
    const level = form.level === undefined ? undefined : String(form.level);
    const found = (await this.#blobs.of(layer.diffId)).find(
      ({ mediaType, annotations }) =>
        compressionOfLayerType(mediaType) === form.compression &&
        (form.compression === 'none' || annotations?.[LEVEL_NOTE] === level),
    );
    return found && plain(found);
  }

  async #make(layer: ImageLayer, own: Compression, form: LayerForm, options: CompressOptions): Promise<Descriptor> {
    const source = own === 'none' ? layer.blob : await this.#uncompressed(layer, own, options);
    if (form.compression === 'none') return source;
    const path = await this.#content.stagingPath();
    try {
      const { compression: kind, level } = form;
      const made = await compressLayer(
        await this.#content.pathOf(source.digest),
        { path },
        { kind, ...(level === undefined ? {} : { level }), ...(options.signal ? { signal: options.signal } : {}) },
      );
      await options.keep(made.digest);
      const blob = descriptorOf(MEDIA_TYPES[kind], await this.#content.adopt(path, made));
      const note = level === undefined ? {} : { annotations: { [LEVEL_NOTE]: String(level) } };
      this.#blobs.remember(layer.diffId, { ...blob, ...note });
      return blob;
    } catch (error) {
      await unlink(path).catch(() => undefined);
      throw error;
    }
  }

  /** Through a file first: the digest is known, and is checked, only at the end. */
  async #uncompressed(layer: ImageLayer, own: Compression, options: CompressOptions): Promise<Descriptor> {
    const digest = layer.diffId as string as Digest;
    await options.keep(digest);
    const known = await this.#content.info(digest);
    if (known) return descriptorOf(MEDIA.ociLayer, known);
    if (own === 'none') throw new LadingError('data_loss', `layer ${digest}: its bytes are missing from the store`);
    const stream = decompressStream(await this.#content.open(layer.blob.digest), own);
    const stored = await this.#content.ingest(
      `uncompress-${crypto.randomUUID()}`,
      stream,
      { digest },
      options.signal ? { signal: options.signal } : {},
    );
    const blob = descriptorOf(MEDIA.ociLayer, stored);
    this.#blobs.remember(layer.diffId, blob);
    return blob;
  }
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
