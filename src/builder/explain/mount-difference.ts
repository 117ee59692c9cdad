import type { RunMount } from '../../dockerfile/index.ts';
import type { StepInputs } from '../cache/cache-record.ts';
import { appeared, quoted, type Difference } from './difference.ts';
import { same, text, type Compared, type NameFile } from './input-difference.ts';

/** What a mount has besides its type and target, and whether files decide about it. */
const FIELDS = ['readOnly', 'id', 'sizeBytes', 'env', 'mode', 'uid', 'gid', 'required', 'sharing'] as const;
const FIELD_NAMES: Readonly<Record<string, string>> = { readOnly: 'readonly', sizeBytes: 'size' };

interface Mount {
  readonly key: unknown;
  readonly mount: RunMount;
}

/** The first mount of a RUN that differs. */
export async function mountsDifference(
  before: Compared,
  now: Compared,
  nameFile: NameFile,
): Promise<Difference | undefined> {
  const [old, present] = [mountsOf(before), mountsOf(now)];
  const oldByName = new Map(old.map((one) => [nameOf(one.mount), one]));
  const names = new Set(present.map(({ mount }) => nameOf(mount)));
  const gone = old.find(({ mount }) => !names.has(nameOf(mount)));
  const isNew = present.find(({ mount }) => !oldByName.has(nameOf(mount)));
  if (isNew) return mountDifference(nameOf(isNew.mount), 'was added');
  if (gone) return mountDifference(nameOf(gone.mount), 'was removed');
  for (const one of present) {
    const earlier = oldByName.get(nameOf(one.mount));
    if (earlier && !same(earlier.key, one.key)) return oneDifference(earlier, one, nameFile);
  }
  return { cause: 'mount', message: 'the order of the mounts changed' };
}

async function oneDifference(before: Mount, now: Mount, nameFile: NameFile): Promise<Difference> {
  const name = nameOf(now.mount);
  const [from, to] = [filesIn(before.key), filesIn(now.key)];
  if (from !== undefined && to !== undefined && from !== to) {
    const file = await nameFile(from, to, choiceOf(before.mount), choiceOf(now.mount));
    if (file) return { ...file, message: `${file.message}, seen by ${name}` };
  }
  const field = FIELDS.find((one) => !same(before.mount[one], now.mount[one]));
  if (field !== undefined) return fieldDifference(name, field, before.mount[field], now.mount[field]);
  if (from !== to) return mountDifference(name, 'shows other files');
  return mountDifference(name, 'changed');
}

/** A mount's source is a path, not a pattern. */
function choiceOf({ source, from }: RunMount): StepInputs {
  const path = (source || '/').replace(/[*?[\\]/g, '\\$&');
  return { sources: [path], exclude: [], parents: false, ...(from ? { from } : {}) };
}

function fieldDifference(name: string, field: string, before: unknown, now: unknown): Difference {
  const value = (of: unknown): string | undefined => (of === undefined ? undefined : text(of));
  const label = FIELD_NAMES[field] ?? field;
  return appeared('mount', `${label} of ${name}`, value(before), value(now), name);
}

function mountDifference(name: string, what: string): Difference {
  return { cause: 'mount', subject: name, message: `${name} ${what}` };
}

/** "--mount=type=cache,target=/root/.cache" */
function nameOf({ type, target, id }: RunMount): string {
  const where = target ?? id;
  return `--mount=type=${type}${where === undefined ? '' : `,${target === undefined ? 'id' : 'target'}=${quoted(where).slice(1, -1)}`}`;
}

function mountsOf({ inputs, notes }: Compared): Mount[] {
  const keys = (inputs['mounts'] ?? []) as readonly unknown[];
  const mounts = (notes['mounts'] ?? []) as readonly RunMount[];
  return keys.flatMap((key, i) => (mounts[i] ? [{ key, mount: mounts[i] }] : []));
}

/** The digest of the files a mount shows. */
function filesIn(key: unknown): string | undefined {
  if (!Array.isArray(key)) return undefined;
  return key.find((part): part is string => typeof part === 'string' && /^[0-9a-f]{64}$/.test(part));
}
