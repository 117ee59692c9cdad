import { release } from 'node:os';
import type { OciSeccomp } from '../spec/oci-spec.ts';
import type { SeccompCondition, SeccompProfile, SeccompRule } from './profile.ts';

export interface SeccompHost {
  /** Docker's name of the processor: amd64, arm64… */
  readonly arch: string;
  /** Kernel release: "6.18.44". */
  readonly kernel: string;
}

const NODE_ARCH: Readonly<Record<string, string>> = { x64: 'amd64', loong64: 'loongarch64' };

const SECCOMP_ARCH: Readonly<Record<string, string>> = {
  amd64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
  riscv64: 'SCMP_ARCH_RISCV64',
  s390x: 'SCMP_ARCH_S390X',
  loongarch64: 'SCMP_ARCH_LOONGARCH64',
};

export function seccompHost(): SeccompHost {
  return { arch: NODE_ARCH[process.arch] ?? process.arch, kernel: release() };
}

/** `linux.seccomp` for a container with these (bounding) capabilities on this host. */
export function evaluateSeccomp(
  profile: SeccompProfile,
  capabilities: readonly string[],
  host: SeccompHost = seccompHost(),
): OciSeccomp {
  const caps = new Set(capabilities);
  const { archMap, syscalls, ...rest } = profile;
  const own = archMap?.find((entry) => entry.architecture === SECCOMP_ARCH[host.arch]);
  const architectures = own ? [own.architecture, ...(own.subArchitectures ?? [])] : profile.architectures;
  return {
    ...rest,
    ...(architectures ? { architectures } : {}),
    syscalls: syscalls.filter((rule) => holds(rule, caps, host)).map(toOci),
  };
}

function holds({ includes, excludes }: SeccompRule, caps: ReadonlySet<string>, host: SeccompHost): boolean {
  if (includes && !includesAll(includes, caps, host)) return false;
  return !excludes || !excludesAny(excludes, caps, host);
}

function includesAll(condition: SeccompCondition, caps: ReadonlySet<string>, host: SeccompHost): boolean {
  if (condition.arches?.length && !condition.arches.includes(host.arch)) return false;
  if (condition.caps && !condition.caps.every((cap) => caps.has(cap))) return false;
  return condition.minKernel === undefined || kernelAtLeast(host.kernel, condition.minKernel);
}

function excludesAny(condition: SeccompCondition, caps: ReadonlySet<string>, host: SeccompHost): boolean {
  if (condition.arches?.includes(host.arch)) return true;
  if (condition.caps?.some((cap) => caps.has(cap))) return true;
  return condition.minKernel !== undefined && kernelAtLeast(host.kernel, condition.minKernel);
}

function kernelAtLeast(release: string, wanted: string): boolean {
  const parts = (text: string): number[] => (text.match(/\d+/g) ?? []).slice(0, 2).map(Number);
  const [major = 0, minor = 0] = parts(release);
  const [wantedMajor = 0, wantedMinor = 0] = parts(wanted);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

function toOci({ names, action, errnoRet, args }: SeccompRule): OciSeccomp['syscalls'][number] {
  return { names, action, ...(errnoRet === undefined ? {} : { errnoRet }), ...(args ? { args } : {}) };
}
