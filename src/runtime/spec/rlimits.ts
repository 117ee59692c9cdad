import { readFileSync } from 'node:fs';
import type { Ulimit } from '../runtime.ts';
import { hasOwnCapability } from './capabilities.ts';
import type { OciRlimit } from './oci-spec.ts';

export type Warn = (message: string) => void;

/** Docker's ulimit name → the line's name in /proc/self/limits. */
const LINES: Readonly<Record<string, string>> = {
  cpu: 'Max cpu time',
  fsize: 'Max file size',
  data: 'Max data size',
  stack: 'Max stack size',
  core: 'Max core file size',
  rss: 'Max resident set',
  nproc: 'Max processes',
  nofile: 'Max open files',
  memlock: 'Max locked memory',
  as: 'Max address space',
  locks: 'Max file locks',
  sigpending: 'Max pending signals',
  msgqueue: 'Max msgqueue size',
  nice: 'Max nice priority',
  rtprio: 'Max realtime priority',
  rttime: 'Max realtime timeout',
};

/** Docker's -1 is the largest 64-bit number to the runtime: more than a JavaScript number holds, so it is written as text. */
const UNLIMITED = (JSON as unknown as { rawJSON(text: string): number }).rawJSON('18446744073709551615');

/** Our own hard limits: without CAP_SYS_RESOURCE nobody below us can have more. */
function ownHardLimits(): (name: string) => number {
  if (hasOwnCapability('CAP_SYS_RESOURCE')) return () => Infinity;
  const text = readFileSync('/proc/self/limits', 'utf8');
  return (name) => {
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${LINES[name]} `));
    const hard = line?.slice(26).trim().split(/\s+/)[1];
    return hard === undefined || hard === 'unlimited' ? Infinity : Number(hard);
  };
}

/** The ulimits as OCI rlimits, cut to what this process may set, each cut reported. */
export function rlimitsOf(ulimits: readonly Ulimit[], warn: Warn, hardLimits = ownHardLimits): OciRlimit[] {
  if (ulimits.length === 0) return [];
  const most = hardLimits();
  return ulimits.map(({ name, soft, hard }) => {
    const limit = most(name);
    const cut = (value: number): number => Math.min(value < 0 ? Infinity : value, limit);
    if (cut(hard) < (hard < 0 ? Infinity : hard))
      warn(`ulimit ${name}: ${hard} is above this machine's hard limit, using ${limit}`);
    const finite = (value: number): number => (value === Infinity ? UNLIMITED : value);
    return {
      type: `RLIMIT_${name.toUpperCase()}`,
      soft: finite(Math.min(cut(soft), cut(hard))),
      hard: finite(cut(hard)),
    };
  });
}

/**
 * The score to write, or undefined to leave what is inherited. Docker always writes it (0 by default);
 * going below our own needs CAP_SYS_RESOURCE.
 */
export function oomScoreOf(wanted: number | undefined, warn: Warn): number | undefined {
  const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
  const score = wanted ?? 0;
  if (score === own) return undefined;
  if (score > own || hasOwnCapability('CAP_SYS_RESOURCE')) return score;
  if (wanted !== undefined) warn(`oom score ${wanted}: lowering it is not permitted here, using ${own}`);
  return undefined;
}
