export * from './runtime.ts';
export { cgroupLayout, cgroupVersion, type CgroupLayout } from './host/cgroup-layout.ts';
export { openRuntime, type RuntimeOptions } from './open-runtime.ts';
export { signalNumber } from './signals.ts';
export { resolveUser, type ResolvedUser } from './spec/index.ts';
