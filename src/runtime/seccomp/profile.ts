import { LadingError } from '../../errors/index.ts';

/** When a rule holds: every field that is given must match (`includes`), or none may (`excludes`). */
export interface SeccompCondition {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
  /** "4.8" */
  readonly minKernel?: string;
}

export interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArgument[];
  readonly includes?: SeccompCondition;
  readonly excludes?: SeccompCondition;
}

/** Docker's profile format: the OCI one with conditions and an architecture map. */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures: readonly string[] | null }[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls: readonly SeccompRule[];
}

const MAX_PROFILE_BYTES = 1 << 20;

function fail(why: string, cause?: unknown): never {
  throw new LadingError('invalid_argument', `decoding seccomp profile failed: ${why}`, { cause });
}

/** Reads a user's profile (`--security-opt seccomp=<json>`). @throws invalid_argument */
export function parseSeccompProfile(text: string): SeccompProfile {
  if (text.length > MAX_PROFILE_BYTES) fail(`${text.length} bytes, more than ${MAX_PROFILE_BYTES}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    fail('not JSON', error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail('not an object');
  const { defaultAction, syscalls = [], architectures, archMap } = value as Record<string, unknown>;
  if (typeof defaultAction !== 'string') fail('defaultAction is missing');
  if (architectures && archMap) fail('use either "architectures" or "archMap"');
  if (!Array.isArray(syscalls)) fail('syscalls is not a list');
  return { ...value, defaultAction, syscalls: syscalls.map(parseRule) };
}

function parseRule(value: unknown, index: number): SeccompRule {
  if (typeof value !== 'object' || value === null) fail(`syscalls[${index}] is not an object`);
  const { name, names, ...rest } = value as Record<string, unknown>;
  if (name && Array.isArray(names) && names.length > 0) fail(`syscalls[${index}]: use either "name" or "names"`);
  const list = typeof name === 'string' && name ? [name] : names;
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string'))
    fail(`syscalls[${index}].names is not a list of names`);
  if (typeof rest['action'] !== 'string') fail(`syscalls[${index}].action is missing`);
  return { ...(rest as unknown as SeccompRule), names: list };
}
