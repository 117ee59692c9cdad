import { changed, quoted, shortDigest, type Difference } from './difference.ts';
import { same, text, texts, type Compared } from './input-difference.ts';

interface LooseNote {
  readonly url?: string;
  readonly etag?: string;
  readonly heredoc?: string;
  readonly ref?: string;
  readonly commit?: string;
}

/** Files that come from the Dockerfile (here-documents), from http addresses ("loose") and from repositories ("git"). */
export function looseDifference(name: 'loose' | 'git', before: Compared, now: Compared): Difference {
  const [from, to] = [listOf(before.inputs[name]), listOf(now.inputs[name])];
  const [notes, notesNow] = [notesOf(before, name), notesOf(now, name)];
  const sources = [sourcesOf(before), sourcesOf(now)] as const;
  const index = from.findIndex((one, i) => !same(one, to[i]));
  const at = index < 0 ? from.length : index;
  const note = notesNow[at];
  if (from.length !== to.length || !note || !same(identity(notes[at]), identity(note)))
    return changed('sources', 'what it adds', ...sources);
  if (note.heredoc !== undefined)
    return { cause: 'heredoc', subject: note.heredoc, message: `the here-document ${quoted(note.heredoc)} changed` };
  return remoteDifference(name, note, notes[at] ?? {}, digestIn(from[at]), digestIn(to[at]));
}

function remoteDifference(
  name: 'loose' | 'git',
  note: LooseNote,
  noteBefore: LooseNote,
  before: string,
  now: string,
): Difference {
  const url = note.url ?? '';
  if (name === 'git') return commitDifference(url, noteBefore, note);
  const tags = noteBefore.etag !== note.etag && noteBefore.etag !== undefined && note.etag !== undefined;
  const how = tags
    ? `ETag ${quoted(noteBefore.etag)} to ${quoted(note.etag)}`
    : before === now
      ? 'its time of change'
      : `${shortDigest(before)} to ${shortDigest(now)}`;
  return {
    cause: 'download',
    subject: url,
    message: `the download ${quoted(url)} changed (${how})`,
    before,
    after: now,
  };
}

function commitDifference(url: string, before: LooseNote, now: LooseNote): Difference {
  const [from, to] = [before.commit ?? '', now.commit ?? ''];
  if (from === to) return { cause: 'flag', subject: url, message: `what is taken of ${quoted(url)} changed` };
  if (before.ref !== now.ref) return changed('git', `the ref of ${quoted(url)}`, before.ref ?? '', now.ref ?? '', url);
  const message = `${quoted(url)} moved from commit ${from.slice(0, 12)} to ${to.slice(0, 12)}`;
  return { cause: 'git', subject: url, message, before: from, after: to };
}

function identity(note: LooseNote | undefined): unknown {
  return note && [note.url, note.heredoc];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function notesOf({ notes }: Compared, name: string): LooseNote[] {
  return listOf(notes[name]) as LooseNote[];
}

function sourcesOf({ notes }: Compared): string {
  return [
    ...texts(notes['sources']),
    ...notesOf({ notes } as Compared, 'loose').map(({ url, heredoc }) => url ?? `<<${heredoc}`),
  ].join(' ');
}

/** A digest somewhere in what stands for a file in the key. */
function digestIn(value: unknown): string {
  return text(value).match(/(?:sha256:)?\b[0-9a-f]{64}\b/)?.[0] ?? text(value);
}
