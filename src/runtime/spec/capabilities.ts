import { readFileSync } from 'node:fs';
import { LadingError } from '../../errors/index.ts';
import type { OciCapabilities } from './oci-spec.ts';

/** In the kernel's order: the index is the bit (include/uapi/linux/capability.h). */
const NAMES = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`);

/** Docker's fourteen. */
const DEFAULTS =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
    .split(' ')
    .map((name) => `CAP_${name}`);

export interface CapabilityRequest {
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
}

/** One line of /proc/self/status as names. */
function ownCapabilities(field: 'CapBnd' | 'CapEff'): string[] {
  const hex = new RegExp(`^${field}:\\s*([0-9a-f]+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const bits = BigInt(`0x${hex}`);
  return NAMES.filter((_, bit) => ((bits >> BigInt(bit)) & 1n) === 1n);
}

/** The most a container may get here: what this process could give away itself. */
export function availableCapabilities(): string[] {
  return ownCapabilities('CapBnd');
}

/** Whether this process may raise limits and lower oom_score_adj. */
export function hasOwnCapability(name: string): boolean {
  return ownCapabilities('CapEff').includes(name);
}

function normalize(name: string): string {
  const upper = name.toUpperCase();
  if (upper === 'ALL') return upper;
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!NAMES.includes(full))
    throw new LadingError('invalid_argument', `invalid capability: "${name}"`, {
      hint: 'use a name such as NET_ADMIN, or ALL',
    });
  return full;
}

/**
 * The container's bounding set by Docker's rules: ALL in `capAdd` means everything but the dropped, ALL in `capDrop`
 * nothing but the added. What this machine cannot give is left out.
 * @throws invalid_argument for an unknown name
 */
export function boundingCapabilities(request: CapabilityRequest, available = availableCapabilities()): string[] {
  if (request.privileged) return [...available];
  const add = request.capAdd.map(normalize);
  const drop = request.capDrop.map(normalize);
  const base = add.includes('ALL') ? NAMES : drop.includes('ALL') ? [] : DEFAULTS;
  const wanted = new Set([...base.filter((name) => !drop.includes(name)), ...add]);
  return NAMES.filter((name) => wanted.has(name) && available.includes(name));
}

/** Only root holds them at start; others could gain them by execve of a set-uid file, as without a container. */
export function capabilitiesOf(bounding: readonly string[], uid: number): OciCapabilities {
  return uid === 0 ? { bounding, effective: bounding, permitted: bounding } : { bounding };
}
