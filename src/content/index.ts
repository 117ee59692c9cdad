export type { BlobInfo, ContentIngester, ContentManager, ContentReader, ContentStore, ContentWriter, Expected } from './content-store.ts';
