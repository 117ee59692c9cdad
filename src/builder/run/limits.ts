import { LadingError } from '../../errors/index.ts';
import type { BuildSettings } from '../types.ts';

type Limited = Pick<BuildSettings, 'limits' | 'ulimits' | 'shmSizeBytes'>;

/** Docker's least: less, and not even the runtime's own start fits in. */
const MIN_MEMORY_BYTES = 6 << 20;
const MIN_CPU_SHARES = 2;
const CPU_PERIOD_US = { least: 1000, most: 1_000_000 };
const ULIMITS =
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' ');

/** @throws invalid_argument for a limit that no step could run with, in Docker's words where it has some */
export function checkLimits({ limits = {}, ulimits = [], shmSizeBytes }: Limited): void {
  const { memoryBytes: memory, memorySwapBytes: swap, cpuPeriodUs: period, cpuQuotaUs: quota } = limits;
  if (memory !== undefined && memory < MIN_MEMORY_BYTES) throw invalid('Minimum memory limit allowed is 6MB');
  if (swap !== undefined && memory === undefined)
    throw invalid('You should always set the Memory limit when using Memoryswap limit');
  if (swap !== undefined && swap !== -1 && memory !== undefined && swap < memory)
    throw invalid('Minimum memoryswap limit should be larger than memory limit');
  if (period !== undefined && (period < CPU_PERIOD_US.least || period > CPU_PERIOD_US.most))
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  if (quota !== undefined && quota !== -1 && quota < 1000)
    throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  if (limits.cpuShares !== undefined && limits.cpuShares < MIN_CPU_SHARES)
    throw invalid(`cpu-shares ${limits.cpuShares}: at least ${MIN_CPU_SHARES}`);
  for (const [name, text] of [
    ['cpuset-cpus', limits.cpusetCpus],
    ['cpuset-mems', limits.cpusetMems],
  ] as const)
    if (text !== undefined && !/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text))
      throw invalid(`Invalid value ${text} for ${name}`);
  if (limits.pids !== undefined && limits.pids < 1) throw invalid(`pids ${limits.pids}: at least 1`);
  if (limits.timeoutMs !== undefined && limits.timeoutMs < 1)
    throw invalid(`timeout ${limits.timeoutMs} ms: at least 1 ms`);
  if (shmSizeBytes !== undefined && shmSizeBytes < 0) throw invalid('SHM size can not be less than 0');
  for (const { Name, Soft, Hard } of ulimits) checkUlimit(Name, Soft, Hard);
}

function checkUlimit(name: string, soft: number, hard: number): void {
  if (!ULIMITS.includes(name)) throw invalid(`invalid ulimit type: ${name}`, `types: ${ULIMITS.join(', ')}`);
  const finite = (value: number): number => (value < 0 ? Number.POSITIVE_INFINITY : value);
  if (finite(soft) > finite(hard))
    throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
}

function invalid(message: string, hint?: string): LadingError {
  return new LadingError('invalid_argument', message, hint === undefined ? {} : { hint });
}
