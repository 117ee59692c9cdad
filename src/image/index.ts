export type { Image, ImageLayer, ImageRecord, ReferenceRecord } from './image-record.ts';
export { ImageStore, pairLayers } from './image-store.ts';
export { LayerBlobs } from './layer-blobs.ts';
export { descriptorOf, putConfig, putManifest } from './manifest-writer.ts';
export { Unpacker } from './unpacker.ts';
export { readImageArchive, type LoadedImage } from './load-archive.ts';
export { writeImageArchive, type ImageToSave } from './save-archive.ts';
