import type { ChainID, Descriptor, Digest, DiffID, ImageConfig } from '../oci/index.ts';

/** An image in the store, for one platform. Its ID is the digest of its config. */
export interface ImageRecord {
  readonly id: Digest;
  /** The platform's manifest; its bytes are in the content store as received or as made here. */
  readonly manifest: Descriptor;
  /** RFC 3339: when it came into this store. */
  readonly storedAt: string;
  /** Unpacked size of all layers, bytes. */
  readonly sizeBytes: number;
  /** Unpacked size of each layer, bottom first. */
  readonly layerSizes: readonly number[];
}

/** What a name points to. `target` is what the registry's tag pointed to (an index, perhaps). */
export interface ReferenceRecord {
  readonly imageId: Digest;
  readonly target: Descriptor;
  readonly taggedAt: string;
  /** Images for other platforms that are here under the same name; `imageId` is what the name means on this machine. */
  readonly others?: readonly Digest[];
}

/** An index that is here whole: its platforms' images are all in the store. Its ID is its digest. */
export interface IndexRecord {
  readonly descriptor: Descriptor;
  /** In the index's order; the manifest as the index names it, which a record's own need not be. */
  readonly images: readonly { readonly id: Digest; readonly manifest: Descriptor }[];
  /** The image for this machine, else the first. */
  readonly primary: Digest;
  /** What else belongs to it and is kept with it: attestation manifests and their blobs. */
  readonly also?: readonly Digest[];
  readonly storedAt: string;
}

/** An image with its documents read. */
export interface Image extends ImageRecord {
  readonly config: ImageConfig;
  readonly layers: readonly ImageLayer[];
}

export interface ImageLayer {
  readonly diffId: DiffID;
  readonly chainId: ChainID;
  /** The layer as the manifest lists it. */
  readonly blob: Descriptor;
}
