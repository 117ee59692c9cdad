export type { Collection, MetadataStore } from './metadata-store.ts';
export { openMetadata } from './sqlite/sqlite-metadata-store.ts';
export { MemoryMetadataStore } from './memory-metadata-store.ts';
