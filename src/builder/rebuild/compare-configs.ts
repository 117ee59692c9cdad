/** A member of an image's config that is another in the rebuild. */
export interface ConfigDifference {
  /** As in "config.Env[2]", "history[4].created". */
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

const TIMES = /(?:^|\.)created$/;

/** The first members, in order, that differ: one that is no time, and one that is. */
export function compareConfigs(before: unknown, after: unknown): { other?: ConfigDifference; time?: ConfigDifference } {
  let time: ConfigDifference | undefined;
  for (const found of differences(before, after, '')) {
    if (!TIMES.test(found.field)) return { other: found, ...(time ? { time } : {}) };
    time ??= found;
  }
  return time ? { time } : {};
}

function* differences(before: unknown, after: unknown, field: string): Generator<ConfigDifference> {
  if (isObject(before) && isObject(after) && Array.isArray(before) === Array.isArray(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const name = Array.isArray(before) ? `${field}[${key}]` : field === '' ? key : `${field}.${key}`;
      yield* differences(before[key], after[key], name);
    }
  } else if (JSON.stringify(before) !== JSON.stringify(after))
    yield { field, before: shown(before), after: shown(after) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
