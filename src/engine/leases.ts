import type { BuildLease } from '../builder/index.ts';
import type { LeaseSet } from '../gc/index.ts';

export { LeaseSet as Leases } from '../gc/index.ts';

/** A build's view of a lease: it holds names at once and does not wait for a deletion that runs just then. */
export function buildLease(leases: LeaseSet): BuildLease {
  const lease = leases.take();
  return {
    addDigest: (digest) => void lease.addDigest(digest),
    addSnapshot: (name) => void lease.addSnapshot(name),
    release: () => void lease[Symbol.asyncDispose](),
  };
}
