export { ociSpecOf } from './oci-config.ts';
export type { OciProcess, OciResources, OciSpec } from './oci-spec.ts';
export { ociProcessOf, type ProcessConfinement } from './process.ts';
export { resourcesOf } from './resources.ts';
export { resolveUser, type ResolvedUser } from './user.ts';
export type { Warn } from './rlimits.ts';
