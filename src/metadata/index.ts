export type { Collection, MetadataStore } from './metadata-store.ts';
