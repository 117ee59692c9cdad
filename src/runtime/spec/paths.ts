import { existsSync, readdirSync } from 'node:fs';

const READONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

const MASKED = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

const CPUS = '/sys/devices/system/cpu';
let throttles: readonly string[] | undefined;

/** Thermal counters of each processor tell a neighbour's load (moby#49560). */
function thermalThrottles(): readonly string[] {
  throttles ??= existsSync(CPUS)
    ? readdirSync(CPUS)
        .filter((name) => /^cpu\d+$/.test(name))
        .map((name) => `${CPUS}/${name}/thermal_throttle`)
        .filter((path) => existsSync(path))
    : [];
  return throttles;
}

export interface PathRestrictions {
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
}

/** Docker's lists, unless given or lifted (`--privileged`, `systempaths=unconfined`). */
export function restrictedPathsOf(
  spec: { readonly maskedPaths?: readonly string[]; readonly readonlyPaths?: readonly string[] },
  unconfined: boolean,
): PathRestrictions {
  if (unconfined) return { maskedPaths: [], readonlyPaths: [] };
  return {
    maskedPaths: spec.maskedPaths?.length ? spec.maskedPaths : [...MASKED, ...thermalThrottles()],
    readonlyPaths: spec.readonlyPaths?.length ? spec.readonlyPaths : READONLY,
  };
}
