export { LeaseSet as Leases } from '../gc/index.ts';
