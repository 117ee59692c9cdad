export type {
  BlobInfo,
  ContentIngester,
  ContentManager,
  ContentReader,
  ContentStore,
  ContentWriter,
  Expected,
} from './content-store.ts';
export { LocalContentStore, type LocalContentStoreOptions } from './local/local-content-store.ts';
export { verifiedStream } from './verified-stream.ts';
