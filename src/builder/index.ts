/**
 * Images from Dockerfiles: text -> instructions -> stages that depend on one another -> steps found in the cache or made -> an image.
 */
export { Builder, type BuildOptions } from './builder.ts';
export { BuildStepError } from './build-error.ts';
export { applyConfigInstruction, type ApplyOptions } from './config/apply-config.ts';
export type { CacheInputs, CacheRecord } from './cache/cache-record.ts';
export type { RebuildVerdict } from './rebuild/compare-images.ts';
export { Rebuilder } from './rebuild/rebuilder.ts';
export type { RebuildRequest } from './rebuild/replay-request.ts';
export { pushAttestations } from './attest/push-attestations.ts';
export { attestAnew, readStatements, type Statement } from './attest/statement.ts';
export type { BuildRun, RunStep } from './explain/build-runs.ts';
export type { CacheLimits, PruneBill, PruneOptions } from './cache/prune-cache.ts';
export { exportMounts, importMounts, type ImportedMount } from './run/cache-mount-archive.ts';
export type { CacheMountView } from './run/cache-mounts.ts';
export type { CacheRow } from './cache/cache-rows.ts';
export type { Holders, Holdings } from './cache/cache-account.ts';
export { addressWithoutUserinfo } from './without-userinfo.ts';
export type * from './types.ts';
