import { Problem } from '../dockerfile-error.ts';
import { withSuggestion } from '../suggest.ts';
import { cut } from '../text.ts';
import { parseCsv } from './csv.ts';
import { parseGoBoolean, parseSize, parseUint32 } from './go-values.ts';

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
const SHARINGS = ['shared', 'private', 'locked'] as const;
const KEYS =
  'type from source target readonly id sharing required size mode uid gid src dst destination ro rw readwrite env'.split(
    ' ',
  );

/** One `RUN --mount`. Defaults that depend on the build (targets of secrets, modes) are left to the builder. */
export interface RunMount {
  readonly type: (typeof TYPES)[number];
  /** Stage, image or named context; never holds a variable. */
  readonly from?: string;
  readonly source?: string;
  readonly target?: string;
  /** True for bind, secret and ssh unless said otherwise; false for cache and tmpfs. */
  readonly readOnly: boolean;
  /** tmpfs only, bytes. */
  readonly sizeBytes?: number;
  /** Of a cache, secret or ssh agent. */
  readonly id?: string;
  readonly sharing?: (typeof SHARINGS)[number];
  readonly required: boolean;
  /** Environment variable for a secret; "" means the default name. */
  readonly env?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

type Draft = { -readonly [Key in keyof RunMount]?: RunMount[Key] };

/**
 * Parses a mount. Without `expand` values that need expansion are left out and what depends on them is
 * not checked; with it the result is complete.
 */
export function parseMount(spec: string, expand?: (word: string) => string): RunMount {
  const draft: Draft = {};
  let deferred = false;
  for (const field of parseCsv(spec, 'mounts')) {
    const { before, after } = cut(field, '=');
    const key = before.toLowerCase();
    if (after === undefined) setSwitch(draft, key, field, deferred);
    else if (key !== 'from' && !expand && needsExpansion(after)) {
      deferred = true;
      checkKey(key, field);
    } else setValue(draft, key, expand ? expand(after) : checkedFrom(key, after), { field, deferred });
  }
  const mount = { type: 'bind', required: false, ...draft } as const;
  const readOnly = draft.readOnly ?? !(mount.type === 'cache' || mount.type === 'tmpfs');
  if (!deferred) checkCombination({ ...mount, readOnly });
  return { ...mount, readOnly };
}

function needsExpansion(value: string): boolean {
  return /[$'"\\`]/.test(value);
}

function checkedFrom(key: string, value: string): string {
  const dollar = value.indexOf('$');
  if (key === 'from' && dollar >= 0 && dollar !== value.length - 1)
    throw new Problem(`'${key}' doesn't support variable expansion, define alias stage instead`, value);
  return value;
}

function setSwitch(draft: Draft, key: string, field: string, deferred: boolean): void {
  if (key === 'readonly' || key === 'ro') draft.readOnly = true;
  else if (key === 'readwrite' || key === 'rw') draft.readOnly = false;
  else if (key === 'required') {
    if (!deferred) onlyFor(draft, key, ['secret', 'ssh']);
    draft.required = true;
  } else throw new Problem(`invalid field '${field}' must be a key=value pair`, field);
}

function setValue(draft: Draft, key: string, value: string, context: { field: string; deferred: boolean }): void {
  checkKey(key, context.field);
  if (key === 'type') draft.type = oneOf(TYPES, value, 'mount type');
  else if (key === 'sharing') draft.sharing = oneOf(SHARINGS, value, 'sharing value');
  else if (key === 'source' || key === 'src') draft.source = value;
  else if (key === 'target' || key === 'dst' || key === 'destination') draft.target = value;
  else if (key === 'readonly' || key === 'ro') draft.readOnly = toBoolean(key, value);
  else if (key === 'readwrite' || key === 'rw') draft.readOnly = !toBoolean(key, value);
  else if (key === 'from' || key === 'id' || key === 'env') draft[key] = value;
  else if (key === 'mode' || key === 'uid' || key === 'gid') draft[key] = toNumber(key, value);
  else setTyped(draft, key, value, context.deferred);
}

/** The options that only some mount types have. */
function setTyped(draft: Draft, key: string, value: string, deferred: boolean): void {
  if (!deferred) onlyFor(draft, key, key === 'size' ? ['tmpfs'] : ['secret', 'ssh']);
  if (key === 'required') draft.required = toBoolean(key, value);
  else draft.sizeBytes = valid(parseSize(value), `invalid value for ${key}: ${value}`, value);
}

function checkKey(key: string, field: string): void {
  if (!KEYS.includes(key)) throw new Problem(withSuggestion(`unexpected key '${key}' in '${field}'`, key, KEYS), field);
}

function onlyFor(draft: Draft, key: string, types: readonly string[]): void {
  const type = draft.type ?? 'bind';
  if (!types.includes(type)) throw new Problem(`unexpected key '${key}' for mount type '${type}'`, key);
}

function oneOf<T extends string>(allowed: readonly T[], value: string, what: string): T {
  const found = allowed.find((item) => item === value.toLowerCase());
  if (found === undefined)
    throw new Problem(withSuggestion(`unsupported ${what} ${JSON.stringify(value)}`, value, allowed), value);
  return found;
}

function toBoolean(key: string, value: string): boolean {
  return valid(parseGoBoolean(value), `invalid value for ${key}: ${value}`, value);
}

function toNumber(key: string, value: string): number {
  return valid(parseUint32(value, key === 'mode' ? 8 : 10), `invalid value ${value} for ${key}`, value);
}

function valid<T>(value: T | undefined, reason: string, token: string): T {
  if (value === undefined) throw new Problem(reason, token);
  return value;
}

function checkCombination(mount: RunMount): void {
  const hasOwner = mount.type === 'secret' || mount.type === 'ssh' || mount.type === 'cache';
  for (const key of ['mode', 'uid', 'gid'] as const) {
    if (!hasOwner && mount[key] !== undefined)
      throw new Problem(`${key} not allowed for ${JSON.stringify(mount.type)} type mounts`, key);
  }
  if (mount.type === 'secret') checkSecret(mount);
  if (mount.sharing && mount.type !== 'cache') throw new Problem(`invalid cache sharing set for ${mount.type} mount`);
}

function checkSecret(mount: RunMount): void {
  if (mount.from) throw new Problem('secret mount should not have a from');
  if (mount.sharing) throw new Problem('secret mount should not define sharing');
  if (!mount.source && !mount.target && !mount.id)
    throw new Problem('invalid secret mount. one of source, target required');
  if (mount.source && mount.id) throw new Problem("both source and id can't be set");
}
