/** One thing that made a step's key another than that of an earlier record. */
export interface Difference {
  /** "new", "file", "arg", "env", "base", "parent", "mount", "flag", "command", "no-cache", … */
  readonly cause: string;
  /** One sentence for people, without a full stop. */
  readonly message: string;
  /** Number of the step above that changed. */
  readonly parent?: number;
  /** What differs: a path, a variable's name, a flag. */
  readonly subject?: string;
  readonly before?: string;
  readonly after?: string;
}

const SHOWN = 60;
const KEPT = 1000;
/** Characters of what is the same, left in front of a difference that is far in. */
const LEAD = 15;

/** A value that changed, with both values in the message. */
export function changed(cause: string, what: string, before: string, after: string, subject?: string): Difference {
  const [from, to] = shownPair(before, after);
  return {
    cause,
    message: `${what} changed from ${from} to ${to}`,
    ...(subject === undefined ? {} : { subject }),
    before: cut(before),
    after: cut(after),
  };
}

/** A value that is there on one side only, or differs. */
export function appeared(
  cause: string,
  what: string,
  before: string | undefined,
  after: string | undefined,
  subject: string,
): Difference {
  if (before !== undefined && after !== undefined) return changed(cause, what, before, after, subject);
  if (after !== undefined) return { cause, subject, message: `${what} was added: ${quoted(after)}`, after: cut(after) };
  return { cause, subject, message: `${what} was removed (it was ${quoted(before ?? '')})`, before: cut(before ?? '') };
}

export function quoted(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
}

export function cut(text: string): string {
  return text.length > KEPT ? `${text.slice(0, KEPT)}…` : text;
}

/** Two texts, quoted and shortened so that what differs can be seen. */
function shownPair(before: string, after: string): [string, string] {
  if (Math.max(before.length, after.length) <= SHOWN) return [quoted(before), quoted(after)];
  let same = 0;
  while (same < before.length && before[same] === after[same]) same++;
  const from = same <= LEAD * 2 ? 0 : same - LEAD;
  const part = (text: string): string => quoted(`${from > 0 ? '…' : ''}${text.slice(from)}`);
  return [part(before), part(after)];
}

/** "sha256:0123456789ab" */
export function shortDigest(digest: string): string {
  return /^[a-z0-9]+:[0-9a-f]{13,}$/.test(digest) ? digest.slice(0, digest.indexOf(':') + 13) : digest;
}
