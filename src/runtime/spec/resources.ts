import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupVersion } from '../host/cgroup-layout.ts';
import type { Resources } from '../runtime.ts';
import type { OciResources } from './oci-spec.ts';
import type { Warn } from './rlimits.ts';

const CPU_PERIOD_US = 100_000;
const BILLION = 1e9;

/** What this kernel can limit; a limit it cannot set is dropped with a warning, as Docker does. */
export interface ResourceSupport {
  readonly swap: boolean;
  readonly blkioWeight: boolean;
}

export function resourceSupport(): ResourceSupport {
  const root = '/sys/fs/cgroup';
  if (cgroupVersion() === '2') {
    const child = readdirSync(root, { withFileTypes: true }).find((entry) => entry.isDirectory())?.name ?? '';
    return {
      swap: existsSync(join(root, child, 'memory.swap.max')),
      blkioWeight: existsSync(join(root, child, 'io.weight')) || existsSync(join(root, child, 'io.bfq.weight')),
    };
  }
  return {
    swap: existsSync(join(root, 'memory/memory.memsw.limit_in_bytes')),
    blkioWeight: existsSync(join(root, 'blkio/blkio.weight')) || existsSync(join(root, 'blkio/blkio.bfq.weight')),
  };
}

/** Docker's limits as OCI's, without device rules. */
export function resourcesOf(resources: Resources, warn: Warn, support = resourceSupport): OciResources {
  const { pidsLimit, blkioWeight } = resources;
  const can = blkioWeight || resources.memoryBytes ? support() : { swap: false, blkioWeight: false };
  if (blkioWeight && !can.blkioWeight) warn('block IO weight: not supported by this kernel, left out');
  const memory = memoryOf(resources, can.swap, warn);
  const cpu = cpuOf(resources);
  return {
    ...(memory ? { memory } : {}),
    ...(cpu ? { cpu } : {}),
    ...(pidsLimit ? { pids: { limit: pidsLimit } } : {}),
    ...(blkioWeight && can.blkioWeight ? { blockIO: { weight: blkioWeight } } : {}),
  };
}

/** Unless said otherwise a container may swap as much as it has memory (Docker). */
function memoryOf(resources: Resources, canSwap: boolean, warn: Warn): OciResources['memory'] {
  const { memoryBytes: limit, memoryReservationBytes: reservation, memorySwapBytes } = resources;
  const swap = limit === undefined ? undefined : (memorySwapBytes ?? limit * 2);
  if (memorySwapBytes !== undefined && !canSwap) warn('swap limit: not supported by this kernel, left out');
  if (limit === undefined && reservation === undefined) return undefined;
  return {
    ...(limit === undefined ? {} : { limit }),
    ...(reservation === undefined ? {} : { reservation }),
    ...(swap === undefined || !canSwap ? {} : { swap }),
  };
}

function cpuOf(resources: Resources): OciResources['cpu'] {
  const { nanoCpus, cpuShares: shares, cpusetCpus: cpus, cpusetMems: mems } = resources;
  const quota = nanoCpus ? Math.round((nanoCpus * CPU_PERIOD_US) / BILLION) : resources.cpuQuota;
  const period = nanoCpus ? CPU_PERIOD_US : resources.cpuPeriod;
  const cpu = {
    ...(shares === undefined ? {} : { shares }),
    ...(quota === undefined ? {} : { quota }),
    ...(period === undefined ? {} : { period }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(mems === undefined ? {} : { mems }),
  };
  return Object.keys(cpu).length > 0 ? cpu : undefined;
}
