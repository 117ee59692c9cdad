export { serveApi, type ApiServer, type ServeOptions } from './server.ts';
export { type ListenOptions } from './listen.ts';
export { API_VERSION, MIN_API_VERSION } from './version.ts';
export { BUILD_EVENTS } from './router/build/build.ts';
export type * from './types/build.ts';
export type { BuildCacheRecord } from './types/index.ts';
