export { Lease, LeaseSet } from './lease-set.ts';
export { collectGarbage, type CollectGarbageOptions, type CollectedGarbage, type Roots } from './collect-garbage.ts';
