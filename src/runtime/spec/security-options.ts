import { existsSync, readFileSync } from 'node:fs';
import { LadingError } from '../../errors/index.ts';
import { DEFAULT_PROFILE, parseSeccompProfile, type SeccompProfile } from '../seccomp/index.ts';

export interface SecurityOptions {
  readonly noNewPrivileges: boolean;
  /** undefined: unconfined. */
  readonly seccomp: SeccompProfile | undefined;
  /** undefined: none asked for, or the host has no AppArmor. */
  readonly apparmor: string | undefined;
  readonly systemPathsUnconfined: boolean;
}

const APPARMOR_ENABLED = '/sys/module/apparmor/parameters/enabled';
const APPARMOR_PROFILES = '/sys/kernel/security/apparmor/profiles';
const APPARMOR_DEFAULT = 'docker-default';

/** Reads Docker's `--security-opt` texts ("name=value" or the older "name:value"). @throws invalid_argument */
export function parseSecurityOptions(texts: readonly string[], privileged: boolean): SecurityOptions {
  let noNewPrivileges = false;
  let systemPathsUnconfined = privileged;
  let seccomp = privileged ? undefined : DEFAULT_PROFILE;
  let apparmor = privileged ? 'unconfined' : undefined;
  for (const text of texts) {
    const [name, value] = split(text);
    if (name === 'no-new-privileges') noNewPrivileges = parseBoolean(text, value);
    else if (name === 'seccomp') seccomp = seccompOf(value);
    else if (name === 'apparmor') apparmor = value;
    else if (name === 'systempaths' && value === 'unconfined') systemPathsUnconfined = true;
    else if (name !== 'label') throw invalid(text);
  }
  return { noNewPrivileges, seccomp, apparmor: apparmorOf(apparmor), systemPathsUnconfined };
}

function split(text: string): [name: string, value: string] {
  const at = text.search(/[=:]/);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function parseBoolean(text: string, value: string): boolean {
  if (value === '' || value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw invalid(text);
}

function seccompOf(value: string): SeccompProfile | undefined {
  if (value === 'unconfined') return undefined;
  return value === 'builtin' ? DEFAULT_PROFILE : parseSeccompProfile(value);
}

function apparmorOf(wanted: string | undefined): string | undefined {
  if (!existsSync(APPARMOR_ENABLED) || !readFileSync(APPARMOR_ENABLED, 'utf8').startsWith('Y')) return undefined;
  if (wanted !== undefined) return wanted;
  const loaded = existsSync(APPARMOR_PROFILES) ? readFileSync(APPARMOR_PROFILES, 'utf8') : '';
  return loaded.split('\n').some((line) => line.startsWith(`${APPARMOR_DEFAULT} `)) ? APPARMOR_DEFAULT : undefined;
}

function invalid(text: string): LadingError {
  return new LadingError('invalid_argument', `invalid --security-opt: "${text.slice(0, 200)}"`, {
    hint: 'known are no-new-privileges, seccomp=, apparmor=, systempaths=unconfined, label=',
  });
}
