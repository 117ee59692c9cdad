export type { Collection, MetadataStore } from './metadata-store.ts';
export { openMetadata } from './sqlite/sqlite-metadata-store.ts';
