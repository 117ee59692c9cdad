export type { Image, ImageLayer, ImageRecord, IndexRecord, ReferenceRecord } from './image-record.ts';
export { ImageStore, pairLayers, type FoundImage } from './image-store.ts';
export { LayerBlobs } from './layer-blobs.ts';
export { LayerCompressor, type CompressOptions, type LayerForm } from './layer-compressor.ts';
export { Referrers, putReferrer, type ArtifactContent, type Referrer } from './referrers.ts';
export { descriptorOf, putConfig, putIndex, putManifest, type ManifestOptions } from './manifest-writer.ts';
export { Unpacker } from './unpacker.ts';
export { readImageArchive, type LoadedImage } from './load-archive.ts';
export { writeImageArchive, writeLayoutArchive, type ImageToSave, type LayoutArchive } from './save-archive.ts';
