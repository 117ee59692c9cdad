/** Typed client of the Docker Engine API. Contract: speaks HTTP to one daemon and knows nothing of the engine behind it. */
export { API_VERSION, Client, type ClientOptions } from './client.ts';
export { ApiError } from './api-error.ts';
export { Demultiplexer, type FrameStream } from './demultiplex.ts';
export { formatEndpoint, parseEndpoint, type Endpoint } from './endpoint.ts';
export type { AttachQuery } from './containers-api.ts';
export type { BuildRecord, BuildRun, LogPiece, RecordedStep, RunStep } from './builds-api.ts';
export type { CacheMount, CacheMountQuery, ImportedCacheMount } from './cache-mounts-api.ts';
export type { BuildContext, BuildOptions } from './images-api.ts';
export type { Query } from './query.ts';
export type * from './container-config.ts';
export type * from './types.ts';
